#!/usr/bin/env bash
# Tasks: sweep --task over one adapter and several, task files of one's own, train --eval-*, and
# what is refused.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

records() {  # DIRECTORY SPLIT COUNT
  mkdir -p "$1"
  local i
  for ((i = 0; i < $3; ++i)); do
    printf '{"question": "Is %d even?", "choices": {"text": ["yes", "no", "it is"], "label": ["A", "B", "C"]}, "answerKey": "%s"}\n' \
      "$i" "$([[ $((i % 2)) == 0 ]] && echo A || echo B)"
  done >"$1/$2.jsonl"
}
records tasks/arc_easy test 5
records tasks/arc_easy train 4
mkdir -p tasks/gsm8k
write_records tasks/gsm8k/test.jsonl 3
write_records tasks/gsm8k/train.jsonl 3
write_records data.jsonl 4
mkdir own
for i in 1 2 3; do echo "{\"q\": \"$i?\", \"a\": \"$i\"}"; done >own/test.jsonl
echo '{"test": "test.jsonl", "question": "{q} =", "answer": "{a}", "max_new_tokens": 4}' >own/count.json

train() { expect_ok train --model "$model" --data data.jsonl "${cpu[@]}" "${small[@]}" "$@"; }
train --output nested --max-steps 3
train --output plain --method lora --max-steps 3

tasks=(--task-data tasks --max-new-tokens 6 "${cpu[@]}")
# The base model alone, without teacher-forced scores.
expect_ok sweep --model "$model" --task arc_easy,gsm8k --shots 1 --output base --samples "${tasks[@]}"
expect_file base/sweep.json base/sweep.csv base/sweep.svg base/report.html base/samples.jsonl out.txt
expect_lines base/samples.jsonl $((5 + 3))
for key in '"acc"' '"acc_norm"' '"acc_stderr"' '"exact_match,strict-match"' \
  '"exact_match,flexible-extract"' '"version"' '"shots"' '"loglikelihoods"' '"response"'; do
  grep -q -- "$key" base/sweep.json base/samples.jsonl || fail "no $key"
done
! grep -q '"loss"' base/sweep.json || fail "a loss without data"

# Records and tasks, every rank, a rank to take; rank 0 is the base model's.
expect_ok sweep --model "$model" --adapter nested --data data.jsonl --task arc_easy,own/count.json \
  --within 1% --output both "${tasks[@]}"
[[ ! -e both/samples.jsonl ]] || fail "samples.jsonl without --samples"
for key in '"loss"' '"exact_match"' '"areas"' '"smallest_rank"'; do
  grep -q "$key" both/sweep.json || fail "no $key in sweep.json"
done
grep -q '"within": "1%"' both/sweep.json || fail "--within says nothing"
grep -qE '^Take (none|rank)' out.txt || fail "no rank is named: $(cat out.txt)"

# Several adapters compared; two of one name are one curve.
expect_ok sweep --model "$model" --adapter a=nested --adapter "b=plain@8" --adapter "b=nested@2" \
  --task arc_easy --output several --samples "${tasks[@]}"
grep -q '"sweeps"' several/sweep.json || fail "no sweeps in sweep.json"
[[ $(grep -c '"name": ' several/sweep.json) == 2 ]] || fail "not two curves"
grep -q 'of a: \|of a (' out.txt || fail "no sentence for a: $(cat out.txt)"
expect_lines several/samples.jsonl $((5 * (5 + 2)))
# A rank's results do not depend on what was scored before it: alone they are the same.
expect_ok sweep --model "$model" --adapter nested --ranks 2 --task arc_easy --output alone --samples \
  "${tasks[@]}"
scores() { grep '"rank":2' "$1/samples.jsonl" | sed 's/"sweep":"[^"]*",//' | sort -u; }
[[ $(scores several) == "$(scores alone)" ]] || fail "rank 2 beside others differs"

# Along a training run: a line per rank, and the sweep at its end; again after an interruption.
train --output watched --max-steps 4 --eval-data data.jsonl --eval-task arc_easy --eval-limit 3 \
  --eval-task-data tasks --eval-every 2 --eval-ranks 0,2,8
expect_lines watched/eval_log.jsonl $((2 * 2))
grep -q '"step":4' watched/eval_log.jsonl || fail "no step in eval_log.jsonl"
expect_file watched/eval/sweep.json watched/eval/report.html watched/eval/samples.jsonl
expect_ok train --config watched/run.toml --output again --quiet
expect_same watched/eval_log.jsonl again/eval_log.jsonl
expect_same watched/adapter_model.safetensors again/adapter_model.safetensors
# Scoring changes nothing of the training.
train --output unwatched --max-steps 4
expect_same watched/adapter_model.safetensors unwatched/adapter_model.safetensors

# What cannot be scored along the way does not end a run.
echo '{"test": "test.jsonl", "question": "{q} =", "answer": "{a}", "answer_regex": "([\\s\\S]+)+[\\x{1}\\x{2}]", "max_new_tokens": 64}' \
  >own/slow.json
run train --model "$model" --data data.jsonl --output slow "${cpu[@]}" "${small[@]}" --max-steps 2 \
  --eval-every 1 --eval-task own/slow.json
expect_file slow/adapter_model.safetensors

# A model without an end of text: answers end at a stop text or the limit, choices need none.
mkdir endless
ln -s "$model"/* endless/
rm endless/config.json endless/tokenizer_config.json endless/generation_config.json
sed '/"eos_token_id"/d; /"bos_token_id"/d' "$model/config.json" >endless/config.json
expect_ok sweep --model endless --task arc_easy,gsm8k --shots 1 --output unended \
  --samples "${tasks[@]}"
expect_lines unended/samples.jsonl $((5 + 3))

# What is refused, with where and what.
bad() { refuses "$1" sweep --model "$model" --output new "${cpu[@]}" "${@:2}"; }
bad "--data: nothing to score"
bad "did you mean 'arc_easy'" --task arc_eazy --task-data tasks
bad "--task-data" --task arc_easy
bad "boolq" --task boolq --task-data tasks
bad "--shots" --task arc_easy --task-data tasks --shots 5
bad "--shots: has no meaning" --data data.jsonl --shots 5
bad "--max-new-tokens" --task gsm8k --task-data tasks --max-new-tokens 256 --shots 1
bad "--ranks: the adapter has no rank 16" --adapter nested --ranks 16 --task arc_easy --task-data tasks
bad "--adapter: the adapter has no rank 16" --adapter nested@16 --task arc_easy --task-data tasks
bad "--adapter: two of the name" --adapter nested --adapter nested --task arc_easy --task-data tasks
bad "--adapter" --adapter =nested --data data.jsonl
bad "--within" --adapter nested --data data.jsonl --within lots
echo '{"name": "count", "test": "test.jsonl", "question": "{q}", "answer": "{a}", "max_new_tokens": 4}' >own/copy.json
bad "--task: two tasks of the name count" --task own/count.json,own/copy.json
refuses "--output" sweep --model "$model" --task own/count.json --output own --force "${cpu[@]}"
expect_file own/count.json
bad "--task: arc_easy twice" --task arc_easy,arc_easy --task-data tasks
echo '{"question": "Is 1 even?", "choices": {"text": ["yes", "no"], "label": ["A", "B"]}, "answerKey": "E"}' \
  >>tasks/arc_easy/test.jsonl
bad "tasks/arc_easy/test.jsonl:6: 'answerKey'" --task arc_easy --task-data tasks
echo '{"question": "Is 1 even?", "answerKey": "E"}' >tasks/arc_easy/test.jsonl
bad "tasks/arc_easy/test.jsonl:1: 'choices'" --task arc_easy --task-data tasks
refuses "--eval-every" train --model "$model" --data data.jsonl --output new --eval-every 2
refuses "--eval-shots: has no meaning" train --model "$model" --data data.jsonl --output new \
  --eval-data data.jsonl --eval-shots 2
refuses "--eval-every: rank 0" train --model "$model" --data data.jsonl --output new \
  --eval-data data.jsonl --eval-every 1 --eval-ranks 0
refuses "--eval-task: unknown task" train --model "$model" --data data.jsonl --output new \
  --eval-task nope --eval-task-data tasks
refuses "--eval-ranks: rank 64" train --model "$model" --data data.jsonl --output new --rank 32 \
  --eval-data data.jsonl --eval-ranks 64
[[ ! -e new ]] || fail "a refused command left its output"

finish
