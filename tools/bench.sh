#!/usr/bin/env bash
# bench.sh PART..: runs bench/PART.py for each, on DATA=file.jsonl, else GSM8K's training problems, else generated ones.
# Tables go to the terminal, figures to build/bench/PART.json.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${DATA:-}
if [[ -z $data && -n ${GSM8K:-} ]]; then data=$GSM8K/train.jsonl; fi
if [[ -z $data ]]; then
  data=build/bench/problems.jsonl
  mkdir -p build/bench
  python3 tools/word_problems.py --count 512 --seed 1 > "$data"
fi
echo "bench: problems from $data" >&2
for part in "$@"; do
  echo "bench: $part" >&2
  .venv-ref/bin/python "bench/$part.py" --data "$data"
done
