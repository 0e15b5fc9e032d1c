#!/usr/bin/env bash
# What an error says: numbers and ranges that people can read, the place in a file, our name for what
# other trainers call otherwise.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 4
expect_ok train --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" \
  --max-steps 2
sweep=(sweep --model "$model" --data data.jsonl --output new)
generate=(generate --model "$model" --prompts data.jsonl)

# Every numeric option of every command: no number of 300 digits, and what was given is not repeated at
# any length.
long=$(printf '9%.0s' {1..400})
numeric() { # COMMAND..: its options that --help shows with a number
  "$program" "$1" --help | sed -n 's/^ *\(-h,\)\?\(--[a-z-]*\) \(INT\|UINT\|FLOAT\).*/\2/p'
}
count=0
for command in train sweep slice compress generate; do
  case $command in
    train) arguments=(train --model "$model" --data data.jsonl --output new) ;;
    sweep) arguments=("${sweep[@]}") ;;
    slice) arguments=(slice --adapter adapter --output new --rank 1) ;;
    compress) arguments=(compress --adapter adapter --output new) ;;
    generate) arguments=("${generate[@]}") ;;
  esac
  options=$(numeric $command)
  [[ -n $options ]] || fail "$command --help shows no numeric option"
  for option in $options; do
    given=("${arguments[@]}")
    if [[ $command == slice && $option == --rank ]]; then
      given=(slice --adapter adapter --output new)
    fi
    # Each with one of these, in turn: a start of the program takes its time.
    values=("$long" -1 abc nan 1e999)
    for value in "${values[count++ % 5]}"; do
      run "${given[@]}" "$option=$value"
      [[ $code == 2 ]] || fail "$command $option=${value:0:8}: exit code $code"
      grep -qE "^error: $option: expected (a|an) (number|integer) .*got " err.txt ||
        fail "$command $option=${value:0:8}: $(cut -c1-200 err.txt)"
      ! grep -qE '[0-9]{45}' err.txt || fail "$command $option: a number without end"
    done
  done
done
refuses "--rank: expected one value" "${generate[@]}" --rank=
refuses "--limit: expected an integer >= 0, got -1" "${sweep[@]}" --limit -1
refuses "--limit: expected an integer <= 1000000000, got 99999999999" "${sweep[@]}" --limit 99999999999
refuses "--threads: expected an integer in 0.." "${sweep[@]}" --threads -4
expect_ok sweep --model "$model" --data data.jsonl --output ten --limit 010 "${cpu[@]}"
[[ $(sed -n 's/.*"examples": \([0-9]*\).*/\1/p' ten/sweep.json) == 4 ]] || fail "--limit 010 is not ten"

# A rank: one range for one adapter, whatever is wrong with it.
refuses "--rank: the adapter has no rank 0 to cut (it is the base model); expected 1..8" \
  slice --adapter adapter --rank 0 --output new
refuses "--rank: the adapter has no rank 99; expected 1..8" slice --adapter adapter --rank 99 --output new
refuses "--ranks: the adapter has no rank 99; expected 0..8" "${sweep[@]}" --adapter adapter --ranks 0,99
refuses "--rank: the adapter has no rank 99; expected 0..8" "${generate[@]}" --adapter adapter --rank 99

# Arguments that no option takes, in their order; options without a value, and twice.
refuses "unexpected arguments 'one' 'two' 'three';" slice --adapter adapter --rank 1 one --output new two three
refuses "unexpected argument 'plus';" generate --model "$model" --prompt one plus
refuses "--rank: expected one value" slice --adapter adapter --output new --rank
refuses "--rank: expected one value" slice --adapter adapter --output new --rank 1 --rank 2

# JSON: one line number, and the column.
printf '{"question": "a", "answer": "b"}\n{"question": "a" "answer": "b"}\n' >broken.jsonl
refuses "error: broken.jsonl:2: not valid JSON at column 25: " train --model "$model" \
  --data broken.jsonl --output new
! grep -q 'at line' err.txt || fail "two line numbers: $(cat err.txt)"
printf '[1,\n2,,\n3]\n' >gate.json
refuses_train "gate.json:2: not valid JSON at column 3: " --gate gate.json
printf '[1, 2]\n[1, 2\n' >ids.txt
refuses "ids.txt:2: not valid JSON at column 6: " tokenize --model "$model" --decode --file ids.txt

# --config: FILE:LINE and what is wrong there, in none of CLI11's words.
config() { # TEXT LINES..
  local text=$1
  shift
  printf '%s\n' "$@" >run.toml
  refuses_train "$text" --config run.toml
  ! grep -qE 'INI|Could not convert|configuration file' err.txt || fail "CLI11 speaks: $(cat err.txt)"
}
config "run.toml:2: unknown key 'rnak'; did you mean 'rank'?" '# a comment' 'rnak = 4'
config "run.toml:1: unknown key 'learning_rate'; here it is lr" 'learning_rate = 1e-3'
config "run.toml:3: 'rank': expected an integer in 1..1048576, got four" 'lr = 1' '' 'rank = "four"'
config "run.toml:1: 'limit': expected an integer >= 0, got -1" 'limit = -1'
config "run.toml:1: not TOML: key-value pair: expected value" 'rank ='
config "run.toml:1: not TOML: key-value pair: expected '=', saw '4'; expected key = value" 'rank 4'
config "run.toml:2: expected key = value, got the table train; keys are options" 'lr = 1' '[train]'
config "run.toml:1: expected key = value, got the table rank" 'rank = {low = 1}'
config "run.toml:1: 'rank': expected one value, got a list" 'rank = [1, 2]'
config "run.toml:2: 'rank': expected a text, a number, true, false or a list" 'lr = 1' 'rank = 2026-11-27'
config "run.toml:2: 'lr': expected a number in 0..1000, got inf" '' 'lr = inf'
config "run.toml:1: 'force' is not taken from a file; give --force on the command line" 'force = true'
config "run.toml:3: 'rank' appears twice; first in line 1" 'rank = 4' 'lr = 1' 'rank = 8'
config "run.toml:1: not TOML: string: " 'gate = "two.json'
config "run.toml:3: not TOML: array: encountered end-of-file" 'lr = 1' 'train-ranks = [1, 2,' '4'
config "a#b: cannot open the file" 'gate = "a#b"'
config "run.toml:1: not TOML: value: " 'no-shuffle = perhaps'
config "run.toml:1: 'no-shuffle': expected true or false" 'no-shuffle = "perhaps"'
config "run.toml:1: the file begins with a byte order mark" $'\xef\xbb\xbfrank = 4'
refuses_train "--config: expected a file, got nothing" --config=
refuses_train "nothing.toml: cannot open the file" --config nothing.toml
printf 'rank = 4  # small\n"train-ranks" = [1, # the first\n  2, 4,\n]\nlimit = 1_0\nmethod = "matryoshka"\n' >good.toml
expect_ok train --model "$model" --data data.jsonl --output good "${cpu[@]}" --max-steps 1 \
  --batch-size 2 --grad-accum 1 --config good.toml

# A parent that cannot be written: the reason, not what follows from it.
mkdir locked
chmod 555 locked
chmod 755 "$work"
locked() { # as somebody who may not write there
  code=0
  if ((EUID == 0)); then
    setpriv --reuid 65534 --regid 65534 --clear-groups "$program" "$@" >out.txt 2>err.txt || code=$?
  else
    "$program" "$@" >out.txt 2>err.txt || code=$?
  fi
}
locked inspect adapter
if ((code == 0)); then
  for output in locked/new locked/deeper/new; do
    locked slice --adapter adapter --rank 1 --output $output
    check_refusal "$output: cannot make the directory: Permission denied" slice --output $output
  done
else
  echo "note: nobody cannot run the program here: locked directories are not tried" >&2
fi

# What other trainers call it: an error that says ours.
other() { # THEIRS OURS COMMAND..
  local theirs=$1 ours=$2
  shift 2
  refuses "unknown option '$theirs'; here it is $ours" "$@" "$theirs" 1
}
train=(train --model "$model" --data data.jsonl --output new)
while read -r theirs ours; do
  other "$theirs" "$ours" "${train[@]}"
done <<'END'
--per_device_train_batch_size --batch-size
--gradient_accumulation_steps --grad-accum
--learning_rate --lr
--learning-rate --lr
--num_train_epochs --epochs
--max_steps --max-steps
--warmup_ratio --warmup-ratio
--warmup_steps --warmup-ratio
--lr_scheduler_type --lr-schedule
--weight_decay --weight-decay
--optim --optimizer adamw
--max_grad_norm --max-grad-norm
--eval_steps --eval-every
--save_steps --save-every
--bf16 --dtype bfloat16
--cutoff_len --max-length
--sequence_len --max-length
--lora_rank --rank
--lora_r --rank
--lora_alpha --alpha
--lora_target --target-modules
--target_modules --target-modules
--resume_from_checkpoint --resume
--output_dir --output
--model_name_or_path --model
--base_model --model
--micro_batch_size --batch-size
--adapter_name_or_path --init-adapter
--max_samples --limit
END
refuses "unknown option '--learning_rate'; here it is --lr" "${train[@]}" --learning_rate=1e-3
other --num_fewshot --shots "${sweep[@]}"
other --tasks --task "${sweep[@]}"
other --max_new_tokens --max-new-tokens "${generate[@]}"
other --adapter_name_or_path --adapter "${generate[@]}"
refuses "unknown option '--lora_dropout'; there is no dropout" "${train[@]}" --lora_dropout 0.1
refuses "unknown option '--report_to'; every step is in OUTPUT/train_log.jsonl" "${train[@]}" --report_to x
refuses "unknown option '--packing'; examples are always packed" "${train[@]}" --packing
# Nothing is promised that the command does not have.
refuses "unknown option '--lora_rank'; see" tokenize --model "$model" --text a --lora_rank 4

# The version: with the commit, the same for the program and its commands.
expect_ok --version
grep -qE '^matlora [0-9]+\.[0-9]+\.[0-9]+( \([0-9a-f]{12}(-dirty)?\))?$' out.txt || fail "$(cat out.txt)"
cp out.txt version.txt
expect_ok train --version
expect_same version.txt out.txt

finish
