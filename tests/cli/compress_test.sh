#!/usr/bin/env bash
# compress on small models: the same function at the full rank, fewer directions, bad inputs.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 12
expect_ok train --method matryoshka --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" \
  --max-steps 6 --inference-gate trained

# loss of a rank, with six digits
loss_at() { awk -F, -v rank="$2" 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "loss") c = i }
                                  $1 == rank { printf "%.6f", $c }' "$1/sweep.csv"; }
sweep() { expect_ok sweep --model "$model" --data data.jsonl "${cpu[@]}" "$@"; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d < 2e-5 && d > -2e-5 && a > 0) }'; }
parameters() { sed -n 's/.*layers, \([0-9]*\) of .*/\1/p' out.txt; }

# Plain: an ordinary adapter, the same at its full rank, better where it is cut.
expect_ok compress --adapter adapter --output plain --device cpu
expect_file plain/adapter_config.json plain/adapter_model.safetensors plain/matlora.json
grep -q '^plain: rank 8 of 8, .* 100 % of the energy$' out.txt || fail "result: $(cat out.txt)"
expect_lines out.txt 1
grep -q '"method": "lora"' plain/matlora.json || fail "the method of a compressed adapter"
grep -q '"weighted": false' plain/matlora.json || fail "how it was made"
grep -q '"singular_values"' plain/matlora.json || fail "no singular values"
grep -q '"lora_alpha": 8' plain/adapter_config.json || fail "PEFT's scale at the full rank"
sweep --adapter adapter --output before --ranks 1,8
sweep --adapter plain --output after
[[ $(cut -d, -f1 after/sweep.csv | tail -n +2 | paste -sd, -) == 0,1,2,4,8 ]] || fail "ranks to sweep"
near "$(loss_at before 8)" "$(loss_at after 8)" ||
  fail "full rank: $(loss_at before 8) became $(loss_at after 8)"
near "$(loss_at before 1)" "$(loss_at after 1)" && fail "rank 1 is what it was"
sweep --adapter plain --output paper --ranks 8 --inference-gate paper
[[ $(loss_at paper 8) == "$(loss_at after 8)" ]] || fail "the two gates differ"

# The gate at the full rank: what the adapter records, or what is said.
expect_ok compress --adapter adapter --output other --inference-gate paper
cmp -s plain/adapter_model.safetensors other/adapter_model.safetensors && fail "the gate changes nothing"

# Weighted, with too few records for its layers.
expect_ok compress --adapter adapter --output weighted --calibrate data.jsonl --model "$model" \
  --limit 2 --dtype float32
grep -q '^note: too few records: [0-9]* tokens' err.txt || fail "too few records: $(cat err.txt)"
grep -q '% of the weighted energy$' out.txt || fail "result: $(cat out.txt)"
grep -q '"weighted": true' weighted/matlora.json || fail "how it was made"
cmp -s plain/adapter_model.safetensors weighted/adapter_model.safetensors && fail "weights change nothing"
sweep --adapter weighted --output weighted-sweep --ranks 8
near "$(loss_at weighted-sweep 8)" "$(loss_at before 8)" ||
  fail "weighted full rank: $(loss_at weighted-sweep 8)"
expect_ok compress --adapter adapter --output again --calibrate data.jsonl --model "$model" \
  --limit 2 --dtype float32
expect_same again/adapter_model.safetensors weighted/adapter_model.safetensors

# Fewer directions are a prefix: the slice of the whole.
expect_ok compress --adapter adapter --output two --rank 2
grep -q '^two: rank 2 of 8, ' out.txt || fail "result: $(cat out.txt)"
sweep --adapter two --output two-sweep --ranks 2
near "$(loss_at two-sweep 2)" "$(loss_at after 2)" || fail "rank 2: $(loss_at two-sweep 2)"
expect_ok compress --adapter adapter --output most --energy 0.9
kept=$(sed -n 's/^most: rank \([0-9]\) of 8,.*/\1/p' out.txt)
[[ -n $kept && $kept -lt 8 ]] || fail "--energy: $(cat out.txt)"
expect_ok compress --adapter adapter --output most --energy 1 --force
grep -q '^most: rank 8 of 8, ' out.txt || fail "--energy 1: $(cat out.txt)"

# The first directions only: larger ranks stay.
expect_ok compress --adapter adapter --output four --first 4
grep -q '^four: the first 4 of 8 directions in order, ' out.txt || fail "--first: $(cat out.txt)"
sweep --adapter four --output four-sweep
sweep --adapter adapter --output adapter-sweep
for rank in 4 8; do
  near "$(loss_at four-sweep $rank)" "$(loss_at adapter-sweep $rank)" || fail "--first: rank $rank"
done
[[ $(loss_at four-sweep 1) != "$(loss_at adapter-sweep 1)" ]] || fail "--first changes nothing"
refuses "--first: keeps every direction" compress --adapter adapter --output new --first 4 --rank 2
refuses "--first: the adapter has no rank 9; expected 1..8" compress --adapter adapter --output new \
  --first 9

# A slice of it is a PEFT adapter, and a PEFT adapter can be compressed.
expect_ok slice --adapter plain --rank 4 --output slice
expect_ok compress --adapter slice --output slice-two --rank 2
sweep --adapter slice-two --output slice-sweep --ranks 2
near "$(loss_at slice-sweep 2)" "$(loss_at after 2)" || fail "of a slice: $(loss_at slice-sweep 2)"

# Ranks per layer: within the budget, compared with one rank, swept at min(k, r).
expect_ok compress --adapter adapter --output two --rank 2 --force
budget=$(parameters)
expect_ok compress --adapter adapter --output uneven --parameters "$budget"
(($(parameters) <= budget && $(parameters) > budget / 2)) || fail "--parameters: $(cat out.txt)"
grep -q "rank 2 everywhere: $budget parameters, " out.txt || fail "not compared: $(cat out.txt)"
grep -q '"rank_pattern": {$' uneven/adapter_config.json || fail "no rank pattern"
sweep --adapter uneven --output uneven-sweep --ranks 0,1,2,3
grep -q ",$(parameters)," uneven-sweep/sweep.csv || (($? == 1)) || fail "its parameters"
expect_ok slice --adapter uneven --rank 2 --output uneven-2
sweep --adapter uneven-2 --output uneven-2-sweep --ranks 2
[[ $(loss_at uneven-2-sweep 2) == "$(loss_at uneven-sweep 2)" ]] || fail "a slice of ranks per layer"
expect_ok inspect uneven
expect_ok compress --adapter adapter --output by-loss --parameters "$budget" --calibrate data.jsonl \
  --model "$model" --dtype float32
(($(parameters) <= budget && $(parameters) > budget / 2)) || fail "by the loss: $(cat out.txt)"

# sweep --budget: at the size of each rank what compress makes, with the command that does so.
write_records more.jsonl 9
expect_ok sweep --model "$model" --adapter adapter --data data.jsonl --budget more.jsonl \
  --ranks 0,2,8 --dtype float32 --device cpu --output budgets
grep -q 'adapter, ranks per layer' budgets/sweep.csv || fail "no second curve: $(cat budgets/sweep.csv)"
python3 - budgets/sweep.json >commands.txt <<'END' || fail "sweep --budget"
import json, sys
plain, budget = json.load(open(sys.argv[1]))["sweeps"]
assert [row["rank"] for row in plain["rows"]] == [0, 2, 8], plain
assert [row["rank"] for row in budget["rows"]] == [2, 8], budget
for row in budget["rows"]:
    size = next(other for other in plain["rows"] if other["rank"] == row["rank"])
    assert 0 < row["adapter_parameters"] <= size["adapter_parameters"], row
row = budget["rows"][0]
print(row["loss"], budget["budget"], "--parameters", row["adapter_parameters"])
END
read -r loss command <commands.txt
expect_ok ${command#matlora } --dtype float32 --output by-command
widest=$(sed -n 's/.*"r": \([0-9]*\).*/\1/p' by-command/adapter_config.json)
sweep --adapter by-command --output by-command-sweep --ranks "$widest"
near "$(loss_at by-command-sweep "$widest")" "$loss" || fail "the command's: $(cat out.txt)"
refuses "--budget: these are the records of --data" sweep --model "$model" --adapter adapter \
  --data data.jsonl --budget ./data.jsonl --output new
refuses "--budget: there is no adapter" sweep --model "$model" --data data.jsonl \
  --budget more.jsonl --output new
refuses "--budget: a pipe can be read only once" sweep --model "$model" --adapter adapter \
  --data data.jsonl --budget - --output new
refuses "absent.jsonl" sweep --model "$model" --adapter adapter --data data.jsonl \
  --budget absent.jsonl --output new

# Fitted gates: the calibration loss of no rank rises; a slice folds them.
expect_ok compress --adapter adapter --output fitted --calibrate data.jsonl --model "$model" --fit \
  --dtype float32
grep -q '"fitted"' fitted/matlora.json || fail "no fitted gates"
[[ $(grep -c '^rank [124]: calibration loss ' err.txt) == 3 ]] || fail "--fit: $(cat err.txt)"
expect_ok compress --adapter adapter --output unfitted --calibrate data.jsonl --model "$model" \
  --dtype float32
sweep --adapter fitted --output fitted-sweep
sweep --adapter unfitted --output unfitted-sweep
for rank in 1 2 4; do
  awk -v a="$(loss_at fitted-sweep $rank)" -v b="$(loss_at unfitted-sweep $rank)" \
    'BEGIN { exit !(a <= b + 1e-5) }' || fail "rank $rank: the loss rose by --fit"
done
[[ $(loss_at fitted-sweep 1) != "$(loss_at unfitted-sweep 1)" ]] || fail "--fit changes nothing"
[[ $(loss_at fitted-sweep 8) == "$(loss_at unfitted-sweep 8)" ]] || fail "--fit changes the full rank"
expect_ok slice --adapter fitted --rank 2 --output fitted-2
sweep --adapter fitted-2 --output fitted-2-sweep --ranks 2
near "$(loss_at fitted-2-sweep 2)" "$(loss_at fitted-sweep 2)" || fail "a slice of a fitted rank"

# Bad input.
compress=(compress --adapter adapter --output new)
refuses "--calibrate: the records go through the base model; give --model PATH" "${compress[@]}" \
  --calibrate data.jsonl
refuses "--model: is for --calibrate" "${compress[@]}" --model "$model"
refuses "--fit: is for --calibrate" "${compress[@]}" --fit
refuses "--limit: is for --calibrate" "${compress[@]}" --limit 3
refuses "--rank: the adapter has no rank 9; expected 1..8" "${compress[@]}" --rank 9
refuses "--rank: the adapter has no rank 0" "${compress[@]}" --rank 0
refuses "--energy: expected a number above 0" "${compress[@]}" --energy 0
refuses "--energy: expected a number in 0..1, got 1.5" "${compress[@]}" --energy 1.5
refuses "--energy: expected a number in 0..1, got nan" "${compress[@]}" --energy nan
refuses "--parameters: the smallest direction has" "${compress[@]}" --parameters 3
refuses "expected one of --rank, --energy and --parameters, got 2" "${compress[@]}" --rank 2 \
  --energy 0.5
refuses "absent.jsonl" "${compress[@]}" --calibrate absent.jsonl --model "$model"
refuses "absent" "${compress[@]}" --calibrate data.jsonl --model absent
refuses "absent: no such adapter directory" compress --adapter absent --output new
refuses "--inference-gate" "${compress[@]}" --inference-gate both
refuses "--output" compress --adapter adapter --output adapter --force
refuses "trained on another base" "${compress[@]}" --calibrate data.jsonl --model "$models/tied"
refuses "plain" compress --adapter adapter --output plain --rank 1
expect_ok compress --adapter adapter --output plain --rank 1 --force
grep -q '"r": 1' plain/adapter_config.json || fail "--force did not replace"

# Numbers that are not finite: the file and the layer are named. An adapter that does nothing.
damage() {  # DIR BYTES: fills the last tensor's last four bytes, or all of the B matrices with zeros
  cp -r adapter "$1"
  python3 - "$1/adapter_model.safetensors" "$1" <<'PYTHON'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
for name, tensor in header.items():
    if name == "__metadata__" or "lora_B" not in name:
        continue
    begin, end = (8 + size + offset for offset in tensor["data_offsets"])
    if sys.argv[2] == "nan":
        data[begin:begin + 4] = struct.pack("<f", float("nan"))
        break
    data[begin:end] = bytes(end - begin)
open(sys.argv[1], "wb").write(data)
PYTHON
}
if command -v python3 >/dev/null; then
  damage nan
  refuses "nan/adapter_model.safetensors: tensor 'base_model.model.model.layers.0." compress --adapter nan --output new
  grep -q "lora_B.weight': expected finite numbers, got NaN at \[" err.txt || fail "NaN: $(cat err.txt)"
  damage zero
  refuses "the adapter changes nothing" compress --adapter zero --output new
fi

finish
