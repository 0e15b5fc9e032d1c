#!/usr/bin/env bash
# tools/demo.sh with a tiny model: what it leaves and says; a second call, and its own training file as
# data, lose nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

root=$(cd "$here/../.." && pwd)
mkdir -p checkout/tools data
cp "$root"/tools/demo.sh "$root"/tools/demo_summary.py "$root"/tools/word_problems.py checkout/tools
write_records data/mine.jsonl 24
export DEMO_PROGRAM=$program MATLORA_MODEL=$model.gguf DEMO_TRAIN=16 DEMO_TEST=4
unset MATLORA_GSM8K
# The tiny model has few positions.
demo() { (cd checkout && PATH=$work/bin:$PATH bash tools/demo.sh "$@") >out.txt 2>err.txt || code=$?; }
mkdir bin
printf '#!/bin/sh\nexit 1\n' | tee bin/curl >bin/wget  # no network
chmod +x bin/curl bin/wget

code=0
demo "$work/data/mine.jsonl"
[[ $code == 0 ]] || fail "demo: exit code $code: $(tail -n 3 err.txt)"
folder=$(echo checkout/demo/mine-*)
expect_file "$folder/sweep/report.html" "$folder/rank4/adapter_config.json"
grep -q "^demo: .* Open demo/${folder##*/}/sweep/report.html" out.txt || fail "the report is not named: $(tail -n 3 out.txt)"
grep -q "^Smallest loss: " out.txt || fail "no sentence on the table: $(cat out.txt)"
grep -q "^The right answer:" out.txt || fail "no right answer: $(cat out.txt)"
grep -q "It is 42\." out.txt || fail "not the answer of record 21: $(cat out.txt)"
expect_lines "$folder/train.jsonl" 20
expect_lines "$folder/test.jsonl" 4

# Its own training file as the data: neither cut nor replaced.
cp "$folder/train.jsonl" before.jsonl
sum=$(sha256sum <"$folder/sweep/sweep.json")
demo "demo/${folder##*/}/train.jsonl"
[[ $code == 0 ]] || fail "demo on its own file: exit code $code: $(tail -n 3 err.txt)"
expect_same before.jsonl "$folder/train.jsonl"
[[ $(sha256sum <"$folder/sweep/sweep.json") == "$sum" ]] || fail "other data replaced the first results"
[[ $(find checkout/demo -mindepth 1 -maxdepth 1 | wc -l) == 2 ]] || fail "not two folders: $(ls checkout/demo)"

# Again, on the same data: it works, and is in the same place.
demo "$work/data/mine.jsonl"
[[ $code == 0 ]] || fail "demo, again: exit code $code: $(tail -n 3 err.txt)"
[[ $(find checkout/demo -mindepth 1 -maxdepth 1 | wc -l) == 2 ]] || fail "another folder: $(ls checkout/demo)"

# Mistakes leave everything as it is.
head -n 3 data/mine.jsonl >data/few.jsonl
demo "$work/data/few.jsonl"
[[ $code == 2 ]] || fail "too few records: exit code $code"
grep -q "needs more than 4 records, has 3" err.txt || fail "too few records: $(cat err.txt)"
code=0
demo "$work/data/nothing.jsonl"
[[ $code == 2 ]] || fail "no file: exit code $code"
[[ -z $(find checkout -name '*.part') ]] || fail "left behind: $(find checkout -name '*.part')"
python3 "$root/tools/demo_summary.py" --check >/dev/null || fail "demo_summary.py --check"

finish
