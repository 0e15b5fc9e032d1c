#!/usr/bin/env bash
# Files that are something else than expected, or damaged: every command says what is there, where, and what to do.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 4
expect_ok train --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" \
  --max-steps 1 --target-modules q_proj
expect_ok sweep --model "$model" --data data.jsonl --output swept --limit 1 "${cpu[@]}"

# Every command that reads an adapter, a model, records.
with_adapter() {  # TEXT ADAPTER [inspected]: inspect reads it as what it is
  [[ ${3:-} == inspected ]] || refuses "$1" inspect "$2"
  refuses "$1" slice --adapter "$2" --rank 1 --output new
  refuses "$1" compress --adapter "$2" --output new
  refuses "$1" generate --model "$model" --adapter "$2" --prompt a "${cpu[@]}"
  refuses "$1" sweep --model "$model" --adapter "$2" --data data.jsonl --output new "${cpu[@]}"
  refuses_train "$1" --init-adapter "$2" --rank 8 --target-modules q_proj
}
one_adapter() { refuses "$1" slice --adapter "$2" --rank 1 --output new; }  # TEXT ADAPTER
one_model() { refuses "$1" tokenize --model "$2" --text a; }                # TEXT MODEL
with_model() {  # TEXT MODEL
  refuses_model "$1" "$2"
  refuses "$1" sweep --model "$2" --data data.jsonl --output new "${cpu[@]}"
  refuses "$1" generate --model "$2" --prompt a "${cpu[@]}"
  refuses "$1" tokenize --model "$2" --text a
}
with_data() {  # TEXT DATA
  refuses_data "$1" "$2"
  refuses "$1" sweep --model "$model" --data "$2" --output new "${cpu[@]}"
  refuses "$1" generate --model "$model" --prompts "$2" "${cpu[@]}"
}

# NUL bytes: records behind them are not lost.
{ head -n 1 data.jsonl && printf '{"question": "a", "answer": "b"}\0\0{"question": "c", "answer": "d"}\n'; } >nul.jsonl
with_data "nul.jsonl:2: not valid JSON at column 33: a NUL byte" nul.jsonl
printf '[1, 2]\0[3]' >nul_gate.json
refuses_train "nul_gate.json: not valid JSON at column 7: a NUL byte" --rank 2 --gate nul_gate.json
nul_behind() {  # FILE: a copy of its directory in ./nul whose file ends with a NUL byte
  rm -rf nul && cp -r "$(dirname "$1")" nul
  printf '\0' >>"nul/$(basename "$1")"
}
for file in adapter_config.json matlora.json; do
  nul_behind adapter/$file
  one_adapter "nul/$file:" nul
  grep -qF "a NUL byte" err.txt || fail "$file: $(cat err.txt)"
done
for file in config.json tokenizer.json tokenizer_config.json; do
  [[ -f $model/$file ]] || continue
  nul_behind "$model/$file"
  refuses_model "a NUL byte" nul
done
nul_behind swept/sweep.json
refuses "a NUL byte" sweep --model "$model" --data data.jsonl --output new --compare old=nul "${cpu[@]}"
printf '{"name": "a"}\0' >nul_task.json
refuses "a NUL byte" sweep --model "$model" --task nul_task.json --output new "${cpu[@]}"

# Numbers that are not finite: file, tensor, position.
for bytes in '\x00\x00\xc0\x7f' '\x00\x00\x80\x7f' '\x00\x00\x80\xff'; do
  rm -rf damaged && cp -r adapter damaged
  size=$(stat -c %s damaged/adapter_model.safetensors)
  # shellcheck disable=SC2059 # the bytes are the format
  printf "$bytes" | dd of=damaged/adapter_model.safetensors bs=1 seek=$((size - 4)) conv=notrunc status=none
  expected="damaged/adapter_model.safetensors: tensor 'base_model.model.model.layers."
  if [[ $bytes == *c0* ]]; then with_adapter "$expected" damaged; else one_adapter "$expected" damaged; fi
  grep -qE "lora_B.weight': expected finite numbers, got (NaN|-?infinity) at \[[0-9]+, 7\] \(1 of" err.txt ||
    fail "$(cat err.txt)"
done

# A newer version of each file.
cp -r adapter newer
sed -i 's/"format_version": 1/"format_version": 2/' newer/matlora.json
one_adapter "newer/matlora.json: 'format_version': expected 1, got 2; a newer matlora wrote it" newer
cp -r swept newer_sweep
sed -i 's/"format_version": 1/"format_version": 2/' newer_sweep/sweep.json
refuses "sweep.json: 'format_version': expected 1, got 2; a newer" sweep --model "$model" \
  --data data.jsonl --output new --compare old=newer_sweep "${cpu[@]}"
sed -i 's/"format_version": 1/"format_version": 2/' newer_sweep/.matlora/record.json
code=0
"$program" sweep --model "$model" --data data.jsonl --output newer_sweep --force "${cpu[@]}" >out.txt 2>err.txt || code=$?
[[ $code == 2 ]] && grep -qF "record.json: 'format_version': expected 1, got 2" err.txt || fail "$(cat err.txt)"

# Layers that target_modules names and the file does not have: a note, in every command.
cp -r adapter partial
sed -i 's/"q_proj"/"q_proj", "v_proj"/' partial/adapter_config.json
note="note: partial/adapter_model.safetensors has no matrices for"
expect_note() {  # NAMES ARGUMENTS..
  local names=$1
  shift
  rm -rf new
  expect_ok "$@"
  grep -qF "$note $names" err.txt || fail "no note of $names: $*: $(cat err.txt)"
  rm -rf new
}
expect_note "model.layers.0.self_attn.v_proj, model.layers.1.self_attn.v_proj" generate --model "$model" \
  --adapter partial --prompt a --max-new-tokens 1 "${cpu[@]}"
expect_note model.layers.0.self_attn.v_proj sweep --model "$model" --adapter partial --data data.jsonl \
  --ranks 1 --output new "${cpu[@]}"
expect_note v_proj inspect partial
expect_note v_proj slice --adapter partial --rank 1 --output new
expect_note v_proj compress --adapter partial --output new
expect_ok inspect adapter
! grep -q "no matrices" err.txt || fail "a note of nothing: $(cat err.txt)"

# A Git LFS pointer in a file's place.
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1\n' 0 >pointer
pointer_at() {  # DIRECTORY FILE
  rm -rf lfs && cp -r "$1" lfs && cp pointer "lfs/$2"
}
for file in config.json tokenizer.json model.safetensors; do
  pointer_at "$model" $file
  refuses_model "lfs/$file: a Git LFS pointer is here in place of the file; \`git lfs pull\`" lfs
done
for file in adapter_config.json adapter_model.safetensors matlora.json; do
  pointer_at adapter $file
  one_adapter "lfs/$file: a Git LFS pointer" lfs
done
cp pointer pointer.gguf && cp pointer pointer.jsonl && cp pointer pointer.safetensors
one_model "pointer.gguf: a Git LFS pointer" pointer.gguf
refuses_data "pointer.jsonl: a Git LFS pointer" pointer.jsonl
refuses "pointer.gguf: a Git LFS pointer" inspect pointer.gguf
refuses "pointer.safetensors: a Git LFS pointer" inspect pointer.safetensors
code=0
"$program" train --model "$model" --data - --output new "${cpu[@]}" <pointer >out.txt 2>err.txt || code=$?
check_refusal "-: a Git LFS pointer" pointer on the standard input

# Pickles.
cp -r adapter pickled && mv pickled/adapter_model.safetensors pickled/adapter_model.bin
with_adapter "pickled/adapter_model.bin: not a file of torch.save: expected a zip archive" pickled
cp -r "$model" pickled_model && mv pickled_model/model.safetensors pickled_model/pytorch_model.bin
refuses_model "pickled_model/pytorch_model.bin: a pickle" pickled_model
refuses_model "pickled_model/pytorch_model.bin: a pickle" pickled_model/pytorch_model.bin
refuses "pickled_model/pytorch_model.bin: a pickle" inspect pickled_model/pytorch_model.bin

# A file where a directory is expected, a directory where a file is, and what is something else.
with_adapter "got a safetensors file; give its directory adapter" adapter/adapter_model.safetensors inspected
one_adapter "not an adapter: no adapter_config.json in it; expected an adapter directory, got a directory with a model (config.json)" "$model"
one_adapter "'general.type': expected adapter (a file of LoRA matrices), got 'model'; it is a model, not an adapter" "$model.gguf"
with_model "got a safetensors file; give its directory $model" "$model/model.safetensors"
one_model "got a directory with an adapter (adapter_config.json)" adapter
mkdir folder && cp "$model.gguf" folder/x.gguf
one_model "got a directory with the file x.gguf" folder
mkdir folder.gguf
one_model "no config.json; expected a HF directory or a .gguf file, got an empty directory" folder.gguf
mkdir records && cp data.jsonl records
with_data "records: not a regular file; expected JSON Lines, got a directory with the file data.jsonl" records
refuses_data "data.jsonl is a file; expected a directory" data.jsonl/data.jsonl
refuses "expected the directory of the tasks' files, got a file" sweep --model "$model" --task gsm8k \
  --task-data data.jsonl --output new "${cpu[@]}"
refuses "expected the directory of a sweep's results (sweep.json), got a file" sweep --model "$model" \
  --data data.jsonl --output new --compare old=swept/sweep.json "${cpu[@]}"
refuses_train "it is a directory: give a file" --rank 2 --gate folder
refuses_train "it is a directory: give a file" --config folder
echo mine >taken
for force in "" --force; do
  for command in "train --model $model --data data.jsonl" "slice --adapter adapter --rank 1"; do
    # shellcheck disable=SC2086 # a command and its arguments
    refuses "it is a file, expected a directory" $command --output taken $force --quiet
    # shellcheck disable=SC2086
    refuses "cannot make the directory: Not a directory: taken is a file" $command --output taken/new $force --quiet
  done
done
[[ $(cat taken) == mine ]] || fail "a file in the output's place was changed"

finish
