#!/usr/bin/env bash
# The name by which PEFT finds an adapter's base: given, recorded, carried into slices; a note where a
# GGUF file has none.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 4
named() { # DIRECTORY: its base_model_name_or_path
  sed -n 's/.*"base_model_name_or_path": "\(.*\)".*/\1/p' "$1/adapter_config.json"
}
expect_name() { # DIRECTORY NAME
  [[ $(named "$1") == "$2" ]] || fail "$1 names the base '$(named "$1")', expected '$2'"
}
train=(train --data data.jsonl --device cpu --dtype float32 --threads 1 "${small[@]}" --max-steps 1)

expect_ok "${train[@]}" --model "$model.gguf" --output unnamed
[[ $(grep -c '^note: .*--base-name' err.txt) == 1 ]] || fail "no note: $(cat err.txt)"
expect_name unnamed "$model.gguf"
expect_ok slice --adapter unnamed --rank 2 --output unnamed-2
grep -q '^note: .*--base-name' err.txt || fail "slice: no note: $(cat err.txt)"
expect_ok slice --adapter unnamed --rank 2 --output later --base-name org/name
[[ ! -s err.txt ]] || fail "a note with --base-name: $(cat err.txt)"
expect_name later org/name

expect_ok "${train[@]}" --model "$model.gguf" --output named --base-name org/base
! grep -q '^note' err.txt || fail "a note with --base-name: $(cat err.txt)"
expect_name named org/base
grep -q '"name": "org/base"' named/matlora.json || fail "matlora.json does not record the name"
expect_ok slice --adapter named --rank 2 --output named-2
expect_name named-2 org/base
expect_ok slice --adapter named --rank 2 --output renamed --base-name other/name
expect_name renamed other/name
# matlora itself goes by the digest.
expect_ok sweep --model "$model.gguf" --adapter named --data data.jsonl --output sweep "${cpu[@]}"
# run.toml has it.
expect_ok train --config named/run.toml --output again --quiet
expect_name again org/base

# A directory: its absolute path, however it was given.
ln -s "$model" here
expect_ok "${train[@]}" --model here --output directory
! grep -q '^note' err.txt || fail "a note for a directory: $(cat err.txt)"
expect_name directory "$work/here"

# Adapters of earlier versions, whose matlora.json has no name.
sed -i '/"name":/d' named/matlora.json
expect_ok slice --adapter named --rank 2 --output old-2
expect_name old-2 "$model.gguf"

finish
