#!/usr/bin/env bash
# Records from a pipe or the standard input give what the same file gives; what cannot be read so is
# refused by name.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 4
base=("${cpu[@]}" "${small[@]}" --max-steps 2)
expect_ok train --model "$model" --data data.jsonl --output file "${base[@]}"
train_from() { # NAME DATA: on what comes from the standard input
  expect_ok train --model "$model" --data "$2" --output "$1" "${base[@]}"
  expect_same file/adapter_model.safetensors "$1/adapter_model.safetensors"
}
train_from dash - <data.jsonl
train_from pipe - < <(cat data.jsonl)
train_from device /dev/stdin < <(cat data.jsonl)
train_from redirected /dev/stdin <data.jsonl
train_from substituted <(cat data.jsonl)
mkfifo named
cat data.jsonl >named &
train_from fifo named
wait

expect_ok sweep --model "$model" --data data.jsonl --output sweep-file "${cpu[@]}"
expect_ok sweep --model "$model" --data - --output sweep-pipe "${cpu[@]}" < <(cat data.jsonl)
cut -d, -f1-5 sweep-file/sweep.csv >file.csv
cut -d, -f1-5 sweep-pipe/sweep.csv >pipe.csv
expect_same file.csv pipe.csv

expect_ok generate --model "$model" --prompts data.jsonl --max-new-tokens 4 "${cpu[@]}"
cp out.txt prompts.txt
expect_ok generate --model "$model" --prompts - --max-new-tokens 4 "${cpu[@]}" < <(cat data.jsonl)
expect_same prompts.txt out.txt

echo '{"text": "a text"}' >texts.jsonl
expect_ok tokenize --model "$model" --file texts.jsonl
cp out.txt ids.txt
expect_ok tokenize --model "$model" --file - <texts.jsonl
expect_same ids.txt out.txt
expect_ok tokenize --model "$model" --decode --file - < <(cat ids.txt)
[[ $(cat out.txt) == '"a text"' ]] || fail "decoded from a pipe: $(cat out.txt)"

# Errors name the stream and its line.
run train --model "$model" --data - --output new "${base[@]}" < <(head -n 1 data.jsonl && echo '{')
check_refusal "error: -:2: not valid JSON at column 2" train --data -
run train --model "$model" --data - --output new "${base[@]}" </dev/null
check_refusal "error: -: expected one JSON object per line, got no record" train --data - "(nothing)"
run train --model "$model" --data - --eval-data - --output new "${base[@]}" <data.jsonl
check_refusal "the standard input was read already" train --data - --eval-data -

# A signal ends the wait for a pipe that gives nothing.
mkfifo held
sleep 60 >held &
sleeping=$!
"$program" sweep --model "$model" --data held --output new "${cpu[@]}" 2>waiting.txt &
reading=$!
for _ in {1..100}; do
  [[ ! -e new/.matlora/new ]] || break
  sleep 0.1
done
sleep 1  # the model is loaded
kill -TERM "$reading"
for _ in {1..50}; do [[ -d /proc/$reading ]] || break; sleep 0.1; done
[[ ! -d /proc/$reading ]] || fail "a sweep that waits for a pipe does not end"
kill "$sleeping" 2>/dev/null || true
grep -q "stopping now" waiting.txt || fail "waiting: $(cat waiting.txt)"
[[ ! -e new ]] || fail "it left $(ls -A new)"
check_no_leftovers sweep --data held

# What is read more than once, or is no text.
for path in - /dev/stdin; do
  run train --model $path --data data.jsonl --output new "${base[@]}" < <(cat data.jsonl)
  check_refusal "error: $path: " train --model $path
  run sweep --model "$model" --adapter $path --data data.jsonl --output new < <(cat data.jsonl)
  check_refusal "error: $path: " sweep --adapter $path
  run train --model "$model" --data data.jsonl --gate $path --output new --rank 2 < <(echo '[1, 1]')
  check_refusal "error: $path: " train --gate $path
  run train --model "$model" --data data.jsonl --config $path --output new < <(echo 'rank = 2')
  check_refusal "error: $path: " train --config $path
  run inspect $path < <(cat data.jsonl)
  check_refusal "error: $path: " inspect $path
done
refuses "error: /dev/zero: not a regular file" train --model "$model" --data /dev/zero --output new

finish
