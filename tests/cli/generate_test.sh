#!/usr/bin/env bash
# generate over a file of prompts: the same completions for any batch size and as one at a time.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 7
expect_ok train --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" \
  --max-steps 4
cat >prompts.jsonl <<'JSON'
{"prompt": "What is 1 plus 1?"}
{"question": "What is 2 plus 2?", "answer": "It is 4."}

{"prompt": "One, two,", "completion": " three"}
{"prompt": "The end"}
{"prompt": "A"}
JSON
base=(generate --model "$model" --adapter adapter "${cpu[@]}" --max-new-tokens 12)

for size in 1 2 3 32; do
  expect_ok "${base[@]}" --prompts prompts.jsonl --batch-size $size
  cp out.txt batch$size.jsonl
  expect_lines batch$size.jsonl 5
  expect_same batch1.jsonl batch$size.jsonl
done
for i in 0 1 2 3 4; do
  sed -n $((i + 1))p batch1.jsonl | grep -q "^{\"index\":$i,\"text\":\".*\",\"tokens\":[0-9]*}$" ||
    fail "line $((i + 1)): $(sed -n $((i + 1))p batch1.jsonl)"
done
expect_ok "${base[@]}" --prompts prompts.jsonl --limit 2
cmp -s out.txt <(head -n 2 batch1.jsonl) || fail "--limit 2: $(cat out.txt)"

# One at a time, by --prompt.
text_of() { python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["text"])'; }
expect_ok "${base[@]}" --prompt "What is 1 plus 1?"
head -n 1 batch1.jsonl | text_of | cmp -s - out.txt || fail "--prompt differs from --prompts"
expect_ok "${base[@]}" --prompt $'Question: What is 2 plus 2?\nAnswer: '
sed -n 2p batch1.jsonl | text_of | cmp -s - out.txt || fail "a question is asked otherwise"
cp out.txt question.txt
expect_ok "${base[@]}" --question "What is 2 plus 2?"
expect_same question.txt out.txt

# Draws: of the seed and the prompt's number, not of the batch.
drawn=("${base[@]}" --prompts prompts.jsonl --temperature 1 --seed 5)
expect_ok "${drawn[@]}" --batch-size 2
cp out.txt drawn.jsonl
expect_ok "${drawn[@]}" --batch-size 5
expect_same drawn.jsonl out.txt
! cmp -s drawn.jsonl batch1.jsonl || fail "nothing was drawn"

# --ignore-eos: all of the tokens.
expect_ok "${base[@]}" --prompts prompts.jsonl --ignore-eos
[[ $(grep -c '"tokens":12}' out.txt) == 5 ]] || fail "--ignore-eos stopped early: $(cat out.txt)"

# What it says of its speed.
expect_ok generate --model "$model" --device cpu --dtype float32 --threads 1 \
  --prompts prompts.jsonl --max-new-tokens 5 --ignore-eos
grep -qE '^prefill: [0-9]+ tokens, [0-9.]+ tokens/s; decode: 20 tokens, [0-9.]+ tokens/s$' \
  err.txt || fail "no speed: $(cat err.txt)"

# Mistakes.
refuses "give --prompt TEXT, --question TEXT or --prompts FILE" generate --model "$model"
refuses "--question: it and --prompt exclude each other" generate --model "$model" --prompt a \
  --question b
refuses "--prompts: it and --question exclude each other" generate --model "$model" --question a \
  --prompts prompts.jsonl
refuses "--question: expected a question, got nothing" generate --model "$model" --question ""
refuses "exclude each other" generate --model "$model" --prompt a --prompts prompts.jsonl
refuses "--batch-size: has no meaning without --prompts" generate --model "$model" --prompt a \
  --batch-size 2
refuses "--limit: has no meaning without --prompts" generate --model "$model" --prompt a --limit 2
refuses "--batch-size: expected an integer >= 1, got 0" generate --model "$model" \
  --prompts prompts.jsonl --batch-size 0
refuses "--limit" generate --model "$model" --prompts prompts.jsonl --limit -1
refuses "nothing.jsonl" "${base[@]}" --prompts nothing.jsonl
: >empty.jsonl
refuses "empty.jsonl" "${base[@]}" --prompts empty.jsonl
{ head -n 2 prompts.jsonl && echo '{"prompt": "a'; } >broken.jsonl
refuses "broken.jsonl:3" "${base[@]}" --prompts broken.jsonl
{ head -n 1 prompts.jsonl && echo '{"text": "a"}'; } >unknown.jsonl
refuses "unknown.jsonl:2: unknown form of record; expected the field prompt or question" \
  "${base[@]}" --prompts unknown.jsonl
echo '{"prompt": 5}' >wrong.jsonl
refuses "wrong.jsonl:1" "${base[@]}" --prompts wrong.jsonl
{ head -n 2 prompts.jsonl && printf '{"prompt": "%s"}\n' "$(seq 1 9999 | tr '\n' ' ')"; } >long.jsonl
refuses "long.jsonl:3: the prompt's" "${base[@]}" --prompts long.jsonl
refuses "--prompt: the prompt's" "${base[@]}" --prompt "$(seq 1 9999 | tr '\n' ' ')"

# The form of a question is in the help of both commands.
for command in train generate; do
  expect_ok $command --help
  grep -qF "'Question: " out.txt || fail "$command --help does not say how a question is put"
done

finish
