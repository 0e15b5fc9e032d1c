#!/usr/bin/env bash
# Adapters that others made (tools/golden/adapters.py), in every command that takes one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"
forms=$models/../adapters
[[ -f $forms/index.json ]] || { echo "skipped: no $forms" >&2; exit 77; }

write_records data.jsonl 2
reference=$forms/lora_adapters_step=00012.pt
answer() {  # ADAPTER RANK: what the model says with it
  expect_ok generate --model "$model" --adapter "$1" --rank "$2" --prompt ab --max-new-tokens 8 "${cpu[@]}"
  cat out.txt
}

# The same adapter as GGUF and as PEFT's directory: the same texts at every rank, on both bases.
for rank in 2 4; do
  [[ $(answer "$forms/gguf_llama.gguf" $rank) == "$(answer "$forms/gguf_llama_peft" $rank)" ]] ||
    fail "GGUF and PEFT differ at rank $rank"
done
# A slice of it is PEFT's, with q's and k's rows in order.
expect_ok slice --adapter "$forms/gguf_llama.gguf" --model "$model" --rank 4 --output cut
expect_ok slice --adapter "$forms/gguf_llama_peft" --rank 4 --output twin
[[ $(answer cut 4) == "$(answer "$forms/gguf_llama_peft" 4)" ]] || fail "the slice of a GGUF file differs"
expect_ok compress --adapter "$forms/gguf_llama.gguf" --model "$model" --output nested --quiet
expect_ok train --model "$model" --data data.jsonl --init-adapter "$forms/gguf_llama.gguf" --max-steps 1 \
  --output trained "${cpu[@]}"
expect_code 2 slice --adapter "$forms/gguf_llama.gguf" --rank 4 --output new
grep -qF -- "--model" err.txt || fail "no word of --model: $(cat err.txt)"
expect_code 2 generate --model "$models/../families/qwen2" --adapter "$forms/gguf_llama.gguf" --prompt a "${cpu[@]}"
grep -qF "the adapter is for the architecture llama, the base model is qwen2" err.txt || fail "$(cat err.txt)"

# The reference implementation's file, with ranks behind an @; it says that it assumes its rule.
expect_ok sweep --model "$model" --data data.jsonl --adapter "$reference@1,8" --output swept "${cpu[@]}"
grep -qF "does not say how it was trained: taken as matryoshka" err.txt || fail "no note: $(cat err.txt)"
expect_ok slice --adapter "$forms/described/lora_adapters_step=00007.pt" --rank 2 --output described --quiet
! grep -q "note:.*how it was trained" err.txt || fail "a note of nothing"

# What inspect says, of names and scales alone.
for pair in gguf_llama.gguf:gguf_adapter "$(basename "$reference"):reference_adapter" pickled:peft_adapter; do
  expect_ok inspect "$forms/${pair%%:*}"
  grep -qF "kind: ${pair#*:}" out.txt || fail "inspect ${pair%%:*}: $(head -n 3 out.txt)"
done
expect_ok inspect "$forms/gguf_llama.gguf" --json
grep -qF '"architecture": "llama"' out.txt || fail "no architecture"

# Before the first step B is zero: that is no adapter to score.
expect_ok train --model "$model" --data data.jsonl --output zero --method lora --max-steps 1 --lr 0 "${cpu[@]}"
expect_code 2 generate --model "$model" --adapter zero --prompt a "${cpu[@]}"
grep -qF "zero: the adapter changes nothing" err.txt || fail "$(cat err.txt)"

finish
