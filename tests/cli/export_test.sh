#!/usr/bin/env bash
# export, merge and --rank-pattern on a small model: what is written, and every bad input as one line.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 6
expect_ok train --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" --max-steps 2 \
  --method matryoshka
bytes() { stat -c %s "$1"; }

# Ranks per module: the first key counts, the others take --rank, PEFT is told.
echo '{"layers.0.self_attn.q_proj": 6, "(q|k)_proj": 2, "down_proj": 3}' >ranks.json
expect_ok slice --adapter adapter --rank 4 --rank-pattern ranks.json --output mixed
grep -q '^mixed: ranks 2 to 6 of 8, 14 layers, ' out.txt || fail "result: $(cat out.txt)"
grep -q '"model.layers.0.self_attn.q_proj": 6' mixed/adapter_config.json || fail "no rank_pattern"
grep -q '"r": 4' mixed/adapter_config.json || fail "r of the others"
expect_ok export --adapter adapter --rank 4 --rank-pattern ranks.json --format peft --output exported
expect_same mixed/adapter_model.safetensors exported/adapter_model.safetensors
expect_same mixed/adapter_config.json exported/adapter_config.json

# One plan in every command.
loss_at() { awk -F, -v rank="$2" 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "loss") c = i }
                                  $1 == rank { printf "%.5f", $c }' "$1/sweep.csv"; }
sweep=(sweep --model "$model" --data data.jsonl "${cpu[@]}")
expect_ok "${sweep[@]}" --adapter adapter --ranks 0,4 --rank-pattern ranks.json --output swept
grep -q '"rank_pattern": "ranks.json"' swept/sweep.json || fail "sweep.json does not name the pattern"
expect_ok "${sweep[@]}" --adapter mixed --ranks 6 --output swept-mixed
[[ $(loss_at swept 4) == "$(loss_at swept-mixed 6)" ]] || fail "sweep: $(loss_at swept 4), $(loss_at swept-mixed 6)"
generate=(generate --model "$model" --prompt "What is" --max-new-tokens 8 --ignore-eos "${cpu[@]}")
expect_ok "${generate[@]}" --adapter adapter --rank 4 --rank-pattern ranks.json
mv out.txt planned.txt
expect_ok "${generate[@]}" --adapter mixed
expect_same planned.txt out.txt

# Rank 0 leaves out what no key names.
echo '{"q_proj": 1}' >only.json
expect_ok slice --adapter adapter --rank 0 --rank-pattern only.json --output only-q
grep -q ', 2 layers, ' out.txt || fail "only q_proj: $(cat out.txt)"

# A quarter of the directions takes a quarter of the bytes.
expect_ok slice --adapter adapter --rank 8 --output whole
expect_ok slice --adapter adapter --rank 2 --output quarter
awk -v a="$(bytes whole/adapter_model.safetensors)" -v b="$(bytes quarter/adapter_model.safetensors)" \
  'BEGIN { exit !(b < a / 4 + 4096) }' || fail "a quarter of the directions is more than a quarter"
expect_ok export --adapter adapter --format peft --dtype bfloat16 --output half
awk -v a="$(bytes whole/adapter_model.safetensors)" -v b="$(bytes half/adapter_model.safetensors)" \
  'BEGIN { exit !(b < a / 2 + 4096) }' || fail "bfloat16 is more than a half"

# GGUF: without --model the base that the adapter records.
expect_ok export --adapter adapter --rank 2 --format gguf --output two.gguf
grep -q '^two.gguf: rank 2 of 8' out.txt || fail "result: $(cat out.txt)"
expect_ok export --adapter adapter --rank 2 --format gguf --model "$model.gguf" --output again.gguf
refuses "again.gguf exists; --force replaces it" export --adapter adapter --format gguf --output again.gguf
expect_ok export --adapter adapter --rank 3 --format gguf --output again.gguf --force
echo mine >mine.gguf
refuses "it is not replaced" export --adapter adapter --format gguf --output mine.gguf --force
cp "$model.gguf" base.gguf
refuses "base.gguf is of general.type 'model', not adapter; it is not replaced" \
  export --adapter adapter --format gguf --output base.gguf --force
cmp -s "$model.gguf" base.gguf || fail "a model was replaced by an adapter"

# Merged: the logits are compared, tied embeddings stay tied, files are copied.
expect_ok merge --model "$model" --adapter adapter --rank 4 --output merged --device cpu
grep -q '^logits of [0-9]* tokens: within [0-9.e-]* of the unmerged' out.txt || fail "no check: $(cat out.txt)"
expect_file merged/config.json merged/generation_config.json merged/tokenizer.json \
  merged/tokenizer_config.json merged/model.safetensors
expect_same merged/tokenizer.json "$model/tokenizer.json"
expect_ok "${sweep[@]}" --adapter adapter --ranks 4 --output at-4
expect_ok sweep --model merged --data data.jsonl "${cpu[@]}" --output of-merged
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d < 2e-5 && d > -2e-5 && a > 0) }'; }
near "$(loss_at of-merged 0)" "$(loss_at at-4 4)" || fail "merged: $(loss_at of-merged 0), $(loss_at at-4 4)"
expect_ok merge --model "$model" --adapter adapter --rank 4 --output merged.gguf --dtype q8_0 --no-check
! grep -q logits out.txt || fail "--no-check checks"
expect_ok sweep --model merged.gguf --data data.jsonl "${cpu[@]}" --output of-gguf
expect_ok merge --model "$model" --adapter adapter --rank 4 --output shards --max-shard-size 40KB --no-check
expect_file shards/model.safetensors.index.json shards/model-00001-of-*.safetensors
expect_ok merge --model "$model" --adapter adapter --rank-pattern ranks.json --output merged --force --no-check

# What is wrong with a pattern.
slice() { refuses "$1" slice --adapter adapter --output new --rank-pattern bad.json; }
echo '{"x_proj": 2}' >bad.json && slice "bad.json: 'x_proj' names no layer of the adapter; expected such as q_proj"
echo '{"q_proj": 9}' >bad.json && slice "bad.json: 'q_proj': expected an integer in 1..8, got 9"
echo '{"q_proj": 0}' >bad.json && slice "bad.json: 'q_proj': expected an integer in 1..8, got 0"
echo '{"q_proj": "4"}' >bad.json && slice "bad.json: 'q_proj': expected an integer"
echo '{"q_proj": 1.5}' >bad.json && slice "bad.json: 'q_proj': expected an integer"
echo '{"(q": 1}' >bad.json && slice "bad.json"
echo '{}' >bad.json && slice "bad.json: expected names of modules and their ranks, got none"
echo '[1]' >bad.json && slice "bad.json"
echo '{"q_proj": 1, "q_proj": 2}' >bad.json && slice "bad.json"
printf '{"q_proj": 1' >bad.json && slice "bad.json"
refuses "absent.json: cannot open the file" slice --adapter adapter --output new --rank-pattern absent.json
refuses "--rank: is required where there is no --rank-pattern" slice --adapter adapter --output new
refuses "--rank-pattern: there is no adapter" "${sweep[@]}" --output new --rank-pattern ranks.json
refuses "--rank-pattern: has no meaning without --adapter" "${generate[@]}" --rank-pattern ranks.json

# Exports that cannot be.
refuses "--format: expected peft or gguf, got 'onnx'" export --adapter adapter --format onnx --output new
refuses "--output: expected a name that ends with .gguf" export --adapter adapter --format gguf --output new
refuses "--rank: the adapter has no rank 0 to cut" export --adapter adapter --rank 0 --format peft --output new
refuses "unknown dtype 'q8_0'" export --adapter adapter --format peft --output new --dtype q8_0
families=${model%/models/*}/families
refuses "new.gguf: a GGUF adapter of this base cannot carry: model.layers.0.self_attn.q_proj: " \
  export --adapter adapter --format gguf --model "$families/qwen2" --output new.gguf
[[ ! -e new.gguf ]] || fail "half a file"
refuses "the adapter is for a layer of" export --adapter adapter --format peft --model "$families/qwen2" --output new
sed 's|"path": ".*"|"path": "/gone"|' adapter/matlora.json >matlora.tmp && cp -r adapter moved && mv matlora.tmp moved/matlora.json
refuses "give --model PATH (/gone is not there)" export --adapter moved --format gguf --output new.gguf

# Merges that cannot be.
merge=(merge --model "$model" --adapter adapter)
refuses "--rank: the adapter has no rank 0 to cut" "${merge[@]}" --rank 0 --output new
refuses "--dtype: unknown dtype 'q4_k'; expected auto|float32|bfloat16|float16|q8_0" "${merge[@]}" --output new --dtype q4_k
refuses "--dtype: Q8_0 is of GGUF files" "${merge[@]}" --output new --dtype q8_0
for size in 5 GB 0GB -1GB 5TB nanGB; do
  refuses "--max-shard-size: expected a size such as 5GB, 200MB or 2GiB" "${merge[@]}" --output new --max-shard-size=$size
done
refuses "the adapter was trained on another base" merge --model "$families/qwen3" --adapter adapter --output new
for base in "$families/qwen2_window" "$models/llama3_rope.gguf"; do
  expect_ok train --model "$base" --data data.jsonl --output "of-$(basename "$base")" "${cpu[@]}" "${small[@]}" --max-steps 1
done
refuses "cannot say this model's options" merge --model "$families/qwen2_window" --adapter of-qwen2_window --output new.gguf --any-base
refuses "frequencies of its own" merge --model "$models/llama3_rope.gguf" --adapter of-llama3_rope.gguf --output new --any-base
refuses "no such model" merge --model gone --adapter adapter --output new
refuses "the output exists" "${merge[@]}" --output merged

finish
