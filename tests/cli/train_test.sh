#!/usr/bin/env bash
# Training: the files it writes, the same bytes for the same seed, runs repeated and resumed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

weights=adapter_model.safetensors
write_records data.jsonl 12
base=(train --model "$model" --data data.jsonl "${cpu[@]}" "${small[@]}")

# The files of a run.
expect_ok "${base[@]}" --output one --max-steps 5
[[ ! -s err.txt && ! -s out.txt ]] || fail "--quiet was not quiet: $(cat out.txt err.txt)"
expect_file one/adapter_config.json one/$weights one/matlora.json one/train_log.jsonl one/run.toml
[[ $(ls one | wc -l) == 5 ]] || fail "other files in the output: $(ls one)"
expect_lines one/train_log.jsonl 5
for key in step loss grad_norm lr tokens label_tokens tokens_per_s elapsed_s; do
  [[ $(grep -c "\"$key\":" one/train_log.jsonl) == 5 ]] || fail "no $key in every log line"
done

# The same seed, the same bytes; another seed, other bytes.
expect_ok "${base[@]}" --output two --max-steps 5
expect_same one/$weights two/$weights
expect_ok "${base[@]}" --output seed --max-steps 5 --seed 7
! cmp -s one/$weights seed/$weights || fail "another seed gave the same adapter"

# run.toml repeats a run, also one whose every list was given.
expect_ok train --config one/run.toml --output repeated --quiet
expect_same one/$weights repeated/$weights
expect_ok "${base[@]}" --output lists --max-steps 3 --train-ranks 1,3,8 \
  --target-modules q_proj,v_proj
expect_ok train --config lists/run.toml --output lists_repeated --quiet
expect_same lists/$weights lists_repeated/$weights
expect_same lists/matlora.json lists_repeated/matlora.json
expect_ok "${base[@]}" --output single --max-steps 2 --train-ranks 4 --target-modules all-linear
expect_ok train --config single/run.toml --output single_repeated --quiet
expect_same single/$weights single_repeated/$weights
expect_same single/matlora.json single_repeated/matlora.json

# Of any path: quotes, backslashes, #, control characters, bytes that are no UTF-8.
odd=$'odd #"\'\\ \x01\xff\xf4\x8f\xbc\x81 \xc3\xa9 \n'
cp data.jsonl "$odd"
expect_ok train --model "$model" --data "$odd" --output odd "${cpu[@]}" "${small[@]}" --max-steps 1 \
  --seed 18446744073709551615 --weight-decay 1e-300
expect_ok train --config odd/run.toml --output odd_repeated --quiet
expect_same odd/$weights odd_repeated/$weights
cmp -s <(grep -av '^output' odd/run.toml) <(grep -av '^output' odd_repeated/run.toml) ||
  fail "run.toml of a repeated run differs"

# The command line beats the file.
expect_ok train --config one/run.toml --output shorter --max-steps 2 --quiet
expect_lines shorter/train_log.jsonl 2

# From a GGUF file.
expect_ok train --model "$model.gguf" --data data.jsonl --output gguf "${cpu[@]}" "${small[@]}" \
  --max-steps 2
expect_file gguf/$weights

# Paths that are not UTF-8 are paths like others.
cp -r "$model" $'mod\xe8le'
expect_ok train --model $'mod\xe8le' --data data.jsonl --output $'r\xe9sultat' "${cpu[@]}" \
  "${small[@]}" --max-steps 2
expect_file $'r\xe9sultat'/$weights
expect_ok sweep --model $'mod\xe8le' --adapter $'r\xe9sultat' --data data.jsonl \
  --output $'\xe9tat' "${cpu[@]}"
expect_file $'\xe9tat'/sweep.json

# --force replaces what matlora wrote, and nothing of the user's.
echo mine >two/NOTES.md
expect_ok "${base[@]}" --output two --max-steps 2 --force
[[ $(cat two/NOTES.md) == mine ]] || fail "--force removed the user's own file"
expect_lines two/train_log.jsonl 2

# Epochs: 12 records, 2 a step.
expect_ok "${base[@]}" --output epochs --epochs 1
expect_lines epochs/train_log.jsonl 6

# Without a method: nested, with its gate in B, so that every reader's scale is 1.
grep -q '"method": "nested"' one/matlora.json || fail "the default is not nested"
grep -q '"lora_alpha": 8' one/adapter_config.json || fail "PEFT would scale it"
grep -q 'scaling="rank"' one/run.toml || fail "nested's default scaling is not rank"
grep -q 'rank-weights="full:0.85..0.35"' one/run.toml || fail "nested's default shares"
expect_ok "${base[@]}" --output halves --max-steps 5 --rank-weights full:0.5
[[ $(grep -c '"sampled_rank":\[8,[1248]\]\|"sampled_rank":\[[1248],8\]' halves/train_log.jsonl) == 5 ]] ||
  fail "not half of each step at the full rank: $(cat halves/train_log.jsonl)"
expect_ok "${base[@]}" --output weights --max-steps 2 --rank-weights full:1 --nest none --scaling sqrt
expect_ok "${base[@]}" --output diag --max-steps 2 --method matryoshka --inference-gate trained
expect_ok slice --adapter diag --rank 8 --output diag8 --quiet
cmp -s weights/$weights diag8/$weights || fail "only full ranks: not Matryoshka's training"
expect_ok "${base[@]}" --output constant --max-steps 2 --mask constant --rank-weights full:1 \
  --nest none
expect_ok "${base[@]}" --output plain --max-steps 2 --method lora

# Re-nesting leaves the full rank as it is.
for method in nested matryoshka lora dylora; do
  for nest in none svd; do
    expect_ok "${base[@]}" --output "$method-$nest" --max-steps 12 --method $method --nest $nest \
      --inference-gate trained
    expect_ok sweep --model "$model" --adapter "$method-$nest" --data data.jsonl --ranks 1,8 \
      --output "$method-$nest-sweep" "${cpu[@]}"
  done
  python3 - "$method" <<'END' || fail "--nest svd of $method: rank 8 is another, or rank 1 no better"
import json, sys
none, svd = ([row["loss"] for row in json.load(open(f"{sys.argv[1]}-{nest}-sweep/sweep.json"))["rows"]] for nest in ("none", "svd"))
ordered = sys.argv[1] == "dylora"  # its prefixes were trained; for these the SVD may be a little worse
sys.exit(abs(none[1] - svd[1]) > 1e-5 * none[1] or (not ordered and svd[0] >= none[0]))
END
  grep -q '"singular_values"' "$method-svd/matlora.json" || fail "$method: no singular values"
done

# By default the first half of nested's directions are put in order; ranks from there on stay.
expect_ok "${base[@]}" --output nested-auto --max-steps 12 --inference-gate trained --fit none
grep -q '"directions": 4' nested-auto/matlora.json || fail "the default is not in order"
for nest in none auto; do
  expect_ok sweep --model "$model" --adapter "nested-$nest" --data data.jsonl --ranks 1,4,8 \
    --output "nested-$nest-three" "${cpu[@]}"
done
python3 - <<'END' || fail "--nest auto: ranks 4 and 8 are others, or rank 1 is what it was"
import json, sys
none, auto = ([row["loss"] for row in json.load(open(f"nested-{nest}-three/sweep.json"))["rows"]] for nest in ("none", "auto"))
sys.exit(any(abs(a - b) > 1e-5 * a for a, b in zip(none[1:], auto[1:])) or none[0] == auto[0])
END

# Then the gates of ranks 1, 2 and 4 are fitted to the last records: no loss over them rises. Rank 8
# stays.
grep -q '"fitted"' nested-auto/matlora.json && fail "--fit none fits"
expect_ok "${base[@]}" --output nested-fit --max-steps 12 --inference-gate trained
grep -q '"fitted"' nested-fit/matlora.json || fail "the default does not fit"
expect_ok train --config nested-fit/run.toml --output nested-fit-again --quiet
expect_same nested-fit/matlora.json nested-fit-again/matlora.json
expect_ok sweep --model "$model" --adapter nested-fit --data data.jsonl --ranks 1,4,8 \
  --output nested-fit-three "${cpu[@]}"
python3 - <<'END' || fail "--fit: a loss over the records that it was fitted on rose"
import json, sys
plain, fit = ([row["loss"] for row in json.load(open(f"nested-{name}-three/sweep.json"))["rows"]] for name in ("auto", "fit"))
sys.exit(fit[0] >= plain[0] or fit[1] > plain[1] + 1e-5 or abs(fit[2] - plain[2]) > 1e-6)
END
expect_code 2 "${base[@]}" --output nested-never --fit always
grep -q "error: --fit: unknown value 'always'; expected auto|none" err.txt || fail "--fit: $(cat err.txt)"

# What cannot be re-nested is kept as it was trained.
expect_ok train --model "$model" --data data.jsonl "${cpu[@]}" --rank 8 --lr 0 --max-steps 2 --nest svd \
  --output unmoved
grep -q "note: not re-nested" err.txt || fail "no word on it: $(cat err.txt)"
expect_file unmoved/$weights

# The paper's method as it is published.
expect_ok train --model "$model" --data data.jsonl "${cpu[@]}" --rank 8 --max-steps 2 --preset paper \
  --output paper
for text in '"method": "matryoshka"' '"mask": "diag"' '"scaling": "sqrt"' '"inference_gate": "paper"'; do
  grep -q "$text" paper/matlora.json || fail "--preset paper: no $text: $(cat paper/matlora.json)"
done
for text in 'lr=0.0002' 'init="paper"' 'nest="none"'; do
  grep -q "^$text" paper/run.toml || fail "--preset paper: no $text: $(cat paper/run.toml)"
done
expect_ok train --config paper/run.toml --output paper_repeated --quiet
expect_same paper/$weights paper_repeated/$weights
expect_ok "${base[@]}" --output preset --preset paper --mask binary --max-steps 1
grep -q '"mask": "binary"' preset/matlora.json || fail "--preset beats a given option"
expect_ok "${base[@]}" --output alpha --method lora --scaling rank --alpha 16 --max-steps 1
grep -q '"lora_alpha": 16' alpha/adapter_config.json || fail "--alpha is not PEFT's lora_alpha"
grep -q '"use_rslora": false' alpha/adapter_config.json || fail "--scaling rank is not PEFT's"

# The methods.
expect_ok "${base[@]}" --output dylora --method dylora --max-steps 3
[[ $(grep -c '"sampled_rank":[1248]\b' dylora/train_log.jsonl) == 3 ]] ||
  fail "no sampled_rank in every line: $(head -n 1 dylora/train_log.jsonl)"
grep -q dylora dylora/matlora.json || fail "matlora.json does not name dylora"
expect_ok "${base[@]}" --output lora --method lora --max-steps 2
echo '[1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]' >gate.json
expect_ok "${base[@]}" --output gate --gate gate.json --max-steps 2
! cmp -s gate/$weights shorter/$weights || fail "the gate changed nothing"
expect_ok train --config gate/run.toml --output gate_repeated --quiet
expect_same gate/$weights gate_repeated/$weights

# Interrupted runs go on as if nothing had happened.
wait_for_steps() {  # DIR COUNT PID
  local tries=0
  until [[ -f $1/train_log.jsonl && $(wc -l <"$1/train_log.jsonl") -ge $2 ]]; do
    kill -0 "$3" 2>/dev/null || { fail "$1: the run ended early"; return 0; }
    ((++tries < 1000)) || { fail "$1: no $2 steps in time"; return 0; }
    sleep 0.01
  done
}

steps=200
long=("${base[@]}" --max-steps $steps)
expect_ok "${long[@]}" --output whole
seq $steps >steps.txt

interrupt() {  # SIGNAL CODE DIR OPTIONS..
  local signal=$1 expected=$2 directory=$3 pid
  shift 3
  # Job control, or the shell has a background process ignore SIGINT.
  set -m
  "$program" "${long[@]}" --output "$directory" "$@" >out.txt 2>err.txt &
  pid=$!
  set +m
  wait_for_steps "$directory" 5 $pid
  kill -"$signal" $pid || fail "$signal: the run is over"
  code=0
  wait $pid 2>/dev/null || code=$?
  [[ $code == "$expected" ]] || fail "$signal: exit code $code, expected $expected"
  local done_steps
  done_steps=$(wc -l <"$directory/train_log.jsonl")
  ((done_steps < steps)) || fail "$signal: came too late to stop the run"
}

resume() {  # DIR
  expect_ok train --config "$1/run.toml" --resume --quiet
  expect_same whole/$weights "$1/$weights"
  steps_of "$1/train_log.jsonl" | cmp -s - steps.txt || fail "$1: not every step once in the log"
  [[ $(ls "$1" | wc -l) == 5 ]] ||
    fail "$1: other files after the end: $(ls "$1")"
}

interrupt INT 130 sigint
expect_file sigint/$weights sigint/adapter_config.json sigint/matlora.json
grep -q -- --resume err.txt || fail "no word on how to go on: $(cat err.txt)"
expect_code 2 train --config sigint/run.toml --resume --quiet --lr 1
grep -q "other options: lr: was 0.01.*, is 1;" err.txt ||
  fail "it does not say which option differs: $(cat err.txt)"
expect_code 2 train --config sigint/run.toml --resume --quiet --optimizer sgd
grep -q "other options: optimizer: was adamw, is sgd;" err.txt || fail "which optimizer: $(cat err.txt)"
expect_code 2 train --config sigint/run.toml --resume --quiet --model "$models/biases"
resume sigint
interrupt TERM 143 sigterm
expect_file sigterm/$weights
resume sigterm
interrupt KILL 137 sigkill --save-every 2
touch sigkill/trainer_state.safetensors.tmp1234  # what it was writing when it was killed
resume sigkill

# Another optimizer is another run, recorded and resumed like the others.
cp whole/$weights adamw.safetensors
long+=(--optimizer sgd)
expect_ok "${long[@]}" --output whole --force
! cmp -s whole/$weights adamw.safetensors || fail "--optimizer sgd is AdamW"
grep -q '^optimizer="sgd"' whole/run.toml || fail "run.toml: $(cat whole/run.toml)"
interrupt INT 130 sgd
resume sgd

finish
