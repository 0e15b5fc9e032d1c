#!/usr/bin/env bash
# Every mistake of the user's: exit code 2, one line that says what is wrong, nothing left behind.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 4
expect_ok train --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" \
  --max-steps 2

# The command line.
refuses "unknown command 'trian'; did you mean 'train'" trian
refuses "did you mean '--model'" train --modle x --data data.jsonl --output new
refuses "did you mean '--ranks'" sweep --model "$model" --data data.jsonl --output new --rankz 1
refuses "--data" train --model "$model" --output new
refuses_train "--lr" --lr abc
refuses_train "--rank" --rank 1.5
refuses_train "--batch-size" --batch-size 0
refuses_train "--max-steps" --max-steps -1
refuses_train "--epochs" --epochs nan
refuses_train "--seed" --seed -1
refuses_train "--lr" --lr nan
refuses "unknown device 'gpu'" train --model "$model" --data data.jsonl --output new --device gpu
refuses "unknown device 'cuda:x'" train --model "$model" --data data.jsonl \
  --output new --device cuda:x
refuses "'cuda:99' is not there" train --model "$model" --data data.jsonl \
  --output new --device cuda:99
refuses "unknown dtype 'int8'" train --model "$model" --data data.jsonl --output new --dtype int8
refuses_train "--scaling" --scaling cube
refuses_train "--method" --method dylorra
refuses_train "--mask" --mask round
refuses_train "--lr-schedule" --lr-schedule cubic
refuses_train "--init" --init zeros
refuses_train "--inference-gate" --inference-gate none
refuses_train "--seed" --seed 99999999999999999999
echo '[1, 1]' >two.json
refuses_train "exclude each other" --rank 2 --gate two.json --method dylora
refuses "give --adapter" sweep --model "$model" --data data.jsonl --output new \
  --inference-gate paper

refuses_train "unknown value 'papre'" --preset papre
refuses_train "unknown value 'svdd'" --nest svdd
refuses_train "--rank-weights: expected RANK:WEIGHT" --rank-weights half
refuses_train "--rank-weights: expected RANK:WEIGHT" --rank 8 --rank-weights 3:0.5
refuses_train "sum is 1.5" --rank-weights 1:0.75,full:0.75
refuses_train "constant with matryoshka is LoRA" --method matryoshka --mask constant
refuses_train "--alpha" --alpha 0

# Ranks and modules.
refuses_train "--target-modules: unknown module 'q_porj'; did you mean 'q_proj'" --target-modules q_porj
refuses_train "--rank: model.layers.0" --rank 100000
refuses_train "; raise --max-length or shorten the record" --max-length 2
refuses_train "--train-ranks: expected an integer >= 1, got 0" --rank 8 --train-ranks 0
refuses_train "rank 9 is outside 1..8" --rank 8 --train-ranks 1,9
refuses_train "--rank" --rank 0
refuses_train "--rank" --rank -3
refuses_train "49" --rank 49
refuses "--rank" slice --adapter adapter --rank 0 --output new
refuses "no rank 99" slice --adapter adapter --rank 99 --output new
refuses "no rank 99" sweep --model "$model" --adapter adapter --data data.jsonl --ranks 0,99 \
  --output new "${cpu[@]}"
refuses "--ranks: expected an integer >= 0, got -1" sweep --model "$model" --adapter adapter --data data.jsonl --ranks=-1 \
  --output new "${cpu[@]}"
refuses "needs an adapter" sweep --model "$model" --data data.jsonl --ranks 0,1 --output new
refuses "no rank 99" generate --model "$model" --adapter adapter --rank 99 --prompt a "${cpu[@]}"

# The gate.
echo '[1, 0.5, 0.25]' >short.json
refuses_train "expected 8 numbers" --rank 8 --gate short.json
echo '[1, "a"]' >words.json
refuses_train "expected a number" --rank 2 --gate words.json
echo '[1, 1e999]' >huge.json
refuses_train "huge.json" --rank 2 --gate huge.json
refuses_train "nothing.json" --rank 2 --gate nothing.json

# The data.
refuses_data "nothing.jsonl" nothing.jsonl
: >empty.jsonl
refuses_data "empty.jsonl" empty.jsonl
{ head -n 2 data.jsonl && echo '{"question": "What' && head -n 1 data.jsonl; } >broken.jsonl
refuses_data "broken.jsonl:3" broken.jsonl
{ head -n 2 data.jsonl && echo '{"question": 5}'; } >wrong.jsonl
refuses_data "wrong.jsonl:3" wrong.jsonl
refuses_train "data.jsonl:1" --max-length 3
refuses "wrong.jsonl:3" sweep --model "$model" --data wrong.jsonl --output new "${cpu[@]}"
mkdir directory.jsonl
refuses_data "directory.jsonl" directory.jsonl

# --config.
printf 'rank = 4\nlerning-rate = 1\n' >unknown.toml
refuses_train "lerning-rate" --config unknown.toml
printf 'rnak = 4\n' >unknown.toml
refuses_train "unknown.toml:1: unknown key 'rnak'" --config unknown.toml
refuses_train "did you mean 'rank'" --config unknown.toml
printf 'rank = "four"\n' >wrong.toml
refuses_train "rank" --config wrong.toml
refuses_train "nothing.toml" --config nothing.toml

# An output that exists stays as it is.
mkdir taken
echo mine >taken/file
for command in "train --model $model --data data.jsonl" "slice --adapter adapter --rank 1" \
  "sweep --model $model --data data.jsonl"; do
  # shellcheck disable=SC2086 # a command and its arguments
  refuses "--force" $command --output taken --quiet
  [[ $(cat taken/file) == mine && $(ls taken) == file ]] || fail "$command changed its output"
done
refuses "nothing to resume" train --model "$model" --data data.jsonl --output new --resume --quiet

# --force never removes what the run reads.
cp -r "$model" inputs
cp data.jsonl inputs
cp -r adapter kept
refuses "--output" train --model inputs --data data.jsonl --output inputs --force --max-steps 1 \
  "${cpu[@]}"
[[ -f inputs/model.safetensors ]] || {
  fail "train --force removed its model"
  cp -r "$model"/. data.jsonl inputs
}
refuses "--output" train --model "$model" --data inputs/data.jsonl --output inputs --force \
  --max-steps 1 "${cpu[@]}"
[[ -f inputs/data.jsonl ]] || fail "train --force removed its data"
refuses "--output" sweep --model "$model" --adapter kept --data data.jsonl --output kept --force \
  "${cpu[@]}"
refuses "--output" slice --adapter kept --rank 1 --output kept --force
cmp -s adapter/adapter_model.safetensors kept/adapter_model.safetensors ||
  fail "--force replaced the adapter that the command reads"

# --force replaces results of ours and nothing else.
mkdir home && echo thesis >home/thesis.txt
refuses "--force replaces only" slice --adapter adapter --rank 1 --output home --force
refuses "--force replaces only" train --model "$model" --data data.jsonl --output home --force
[[ $(cat home/thesis.txt) == thesis ]] || fail "--force removed a file that is not ours"
refuses "--output" sweep --model "$model" --data data.jsonl --output . --force
refuses "--output" sweep --model "$model" --data data.jsonl --output ""

# A run that fails leaves the result it was to replace.
cp -r adapter precious
echo '[1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30]' >huge.json
refuses "gradient norm" train --model "$model" --data data.jsonl --output precious --force \
  --init-adapter adapter --gate huge.json --max-steps 2 --dtype float32 --quiet
expect_same adapter/adapter_model.safetensors precious/adapter_model.safetensors

# Names that the file system refuses, ranks that no memory holds.
long=$(printf 'n%.0s' {1..300})
refuses "$long" inspect "$long"
refuses "$long" slice --adapter adapter --rank 1 --output "$long"
refuses "--rank" train --model "$model" --data data.jsonl --output new --rank 9000000000000000000

# PEFT would change the base weights for this one.
cp -r adapter pissa && rm pissa/matlora.json
sed -i 's/"init_lora_weights": true/"init_lora_weights": "pissa"/' pissa/adapter_config.json
refuses "init_lora_weights" sweep --model "$model" --adapter pissa --data data.jsonl --output new

finish
