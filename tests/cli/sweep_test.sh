#!/usr/bin/env bash
# sweep, slice, generate and inspect on small models.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 6
expect_ok train --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" \
  --max-steps 4

ranks_of() { cut -d, -f1 "$1/sweep.csv" | tail -n +2 | paste -sd, -; }

check_json() {
  if command -v python3 >/dev/null; then
    python3 -m json.tool "$1" >/dev/null || fail "$1 is not JSON"
  fi
}

# Without an adapter: the base model.
expect_ok sweep --model "$model" --data data.jsonl --output base "${cpu[@]}"
expect_file base/sweep.json base/sweep.csv base/sweep.svg
[[ $(ranks_of base) == 0 ]] || fail "ranks of the base model: $(ranks_of base)"
[[ ! -e base/samples.jsonl ]] || fail "samples.jsonl without --samples"

# With one: 0 and the train ranks, in every file.
expect_ok sweep --model "$model" --adapter adapter --data data.jsonl --output all --samples \
  "${cpu[@]}"
expect_file out.txt all/sweep.json all/sweep.csv all/sweep.svg all/samples.jsonl
[[ $(ranks_of all) == 0,1,2,4,8 ]] || fail "default ranks: $(ranks_of all)"
expect_lines all/samples.jsonl $((5 * 6))
check_json all/sweep.json
for key in model adapter data rows loss perplexity token_accuracy tokens adapter_parameters \
  seconds aurac_v1 aurac_v2 avg loss_stderr token_accuracy_stderr take; do
  grep -q "\"$key\":" all/sweep.json || fail "no $key in sweep.json"
done
grep -q '"correct":' all/samples.jsonl || fail "no correct in samples.jsonl"
grep -q '</svg>' all/sweep.svg || fail "sweep.svg does not end"
# Every row has its errors over examples: 6 records, so none is null.
! grep -q 'stderr": null' all/sweep.json || fail "an error is not known"
head -1 all/sweep.csv | grep -q ',tokens,loss_stderr,token_accuracy_stderr,' || fail "no errors in sweep.csv"
# The table fits the terminal, and says where the rest is.
for width in 40 100; do
  COLUMNS=$width expect_ok sweep --model "$model" --adapter adapter --data data.jsonl --force \
    --output narrow "${cpu[@]}"
  grep -q 'narrow/report.html' out.txt || fail "the table does not name the report"
  # Characters, whatever the locale: without the bytes that continue one.
  longest=$(grep -v '^  matlora slice' out.txt | LC_ALL=C sed 's/[\x80-\xbf]//g' | LC_ALL=C wc -L)
  ((longest <= width)) || fail "a line of $longest characters for $width columns"
done
# A terminal says how wide it is.
if command -v python3 >/dev/null; then
  env -u COLUMNS python3 - "$program" sweep --model "$model" --adapter adapter --data data.jsonl \
    --force --output narrow "${cpu[@]}" >tty.txt <<'PYTHON'
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 44, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
try:
    while part := os.read(terminal, 65536):
        said += part
except OSError:
    pass
os.waitpid(pid, 0)
lines = [line for line in said.decode().splitlines() if not line.startswith("  matlora slice")]
print(max(map(len, lines)), sum(line.startswith("rank ") for line in lines))
PYTHON
  read -r longest blocks <tty.txt
  ((longest <= 44 && blocks == 2)) || fail "on 44 columns: $(cat tty.txt)"
fi
# An adapter that learns nothing is none to take; one that does is, with the command that cuts it.
expect_ok train --model "$model" --data data.jsonl --output idle "${cpu[@]}" --rank 2 --batch-size 2 \
  --max-steps 1 --lr 1e-30
expect_ok sweep --model "$model" --adapter idle --data data.jsonl --output none "${cpu[@]}"
grep -q '^Take none: ' out.txt || fail "an idle adapter is to be taken: $(cat out.txt)"
grep -q '<b>Take none</b>' none/report.html || fail "the page takes an idle adapter"
! grep -q 'matlora slice' out.txt none/report.html || fail "a command for no rank"
mkdir "it's here"
expect_ok train --model "$model" --data data.jsonl --output "it's here/run" "${cpu[@]}" "${small[@]}" \
  --max-steps 40
expect_ok sweep --model "$model" --adapter "it's here/run" --data data.jsonl --output taken "${cpu[@]}"
grep -q '^Take rank ' out.txt || fail "a trained adapter is not taken: $(cat out.txt)"
command=$(sed -n 's/^  matlora slice /slice /p' out.txt)
eval "\"$program\" $command" >/dev/null || fail "the command does not run: $command"
[[ -s $(ls -d "it's here/run-r"*)/adapter_model.safetensors ]] || fail "the command cut nothing"
expect_ok sweep --model "$model" --adapter adapter --data data.jsonl --output half --device cpu \
  --dtype bfloat16
expect_file half/sweep.json
# Another sweep's curve with it, where it has one; one that is none is an error.
expect_ok sweep --model "$model" --adapter adapter --data data.jsonl --output both "${cpu[@]}" \
  --compare "earlier one=all" --compare "base only=base"
grep -q 'earlier one' both/sweep.svg || fail "sweep.svg does not show the other sweep"
! grep -q 'base only' both/sweep.svg || fail "sweep.svg has a legend entry without a curve"
refuses "--compare" sweep --model "$model" --data data.jsonl --output new --compare base
# Rank 0 is the base model, to the last bit.
row() { cut -d, -f"1-4" "$1/sweep.csv" | grep "^$2,"; }
[[ $(row all 0) == "$(row base 0)" ]] || fail "rank 0 is not the base: $(row all 0)"

# Ranks that were asked for, ascending and once; a limit; --force.
expect_ok sweep --model "$model" --adapter adapter --data data.jsonl --ranks 8,3,3,0 --limit 2 \
  --samples --output some "${cpu[@]}"
[[ $(ranks_of some) == 0,3,8 ]] || fail "chosen ranks: $(ranks_of some)"
expect_lines some/samples.jsonl $((3 * 2))
expect_ok sweep --model "$model" --data data.jsonl --output some --force "${cpu[@]}"
[[ $(ranks_of some) == 0 && ! -e some/samples.jsonl ]] || fail "--force kept old results"

# A slice scores as its rank does.
expect_ok slice --adapter adapter --rank 4 --output slice
expect_file slice/adapter_config.json slice/adapter_model.safetensors
expect_ok sweep --model "$model" --adapter slice --data data.jsonl --ranks 4 --output sliced \
  "${cpu[@]}"
# The slice has the fitted gates of rank 4 in B, rounded to float32.
awk -F, -v all="$(row all 4)" -v sliced="$(row sliced 4)" 'BEGIN {
  split(all, a); split(sliced, b)
  exit !(a[1] == b[1] && (a[2] - b[2]) ^ 2 < (1e-6 * a[2]) ^ 2 && a[4] == b[4] && a[2] > 0)
}' || fail "slice: $(row sliced 4), adapter: $(row all 4)"

# Help and version.
expect_ok --help
expect_ok --version
grep -qE '^matlora [0-9]+\.[0-9]+\.[0-9]+' out.txt || fail "--version says $(cat out.txt)"
for command in train sweep slice compress generate tokenize inspect; do
  expect_ok $command --help
  grep -q -- 'matlora '$command out.txt || fail "$command --help has no example"
done

# inspect.
for path in "$model" "$model.gguf" "$model/model.safetensors" adapter slice; do
  expect_ok inspect "$path"
  expect_file out.txt
  expect_ok inspect "$path" --json
  check_json out.txt
done

# generate: the same text every time; other draws with another seed.
generate() {  # FILE ARGUMENTS..
  local file=$1
  shift
  expect_ok generate --model "$model" --prompt "What is 1 plus 1?" --max-new-tokens 12 "${cpu[@]}" \
    "$@"
  cp out.txt "$file"
}
generate greedy1.txt --adapter adapter
generate greedy2.txt --adapter adapter
expect_file greedy1.txt
expect_same greedy1.txt greedy2.txt
generate base.txt
generate rank0.txt --adapter adapter --rank 0
expect_same base.txt rank0.txt
generate drawn1.txt --temperature 1 --seed 1
generate drawn2.txt --temperature 1 --seed 1
generate drawn3.txt --temperature 1 --seed 2
expect_same drawn1.txt drawn2.txt
! cmp -s drawn1.txt drawn3.txt || fail "two seeds drew the same text"
generate narrow.txt --temperature 1 --top-p 1e-6
expect_same base.txt narrow.txt

finish
