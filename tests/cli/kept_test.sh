#!/usr/bin/env bash
# Nothing is lost: signals, kill -9, closed pipes, a full disk, --force, two runs at once.
# KILLS=100 tries so many random moments instead of a few.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

weights=adapter_model.safetensors state=trainer_state.safetensors
write_records data.jsonl 12
base=(train --model "$model" --data data.jsonl "${cpu[@]}" "${small[@]}")
steps=120
long=("${base[@]}" --max-steps $steps)
expect_ok "${long[@]}" --output whole

# start DIR OPTIONS..: the long run in the background; its process is $pid.
start() {
  local directory=$1
  shift
  set -m  # or the shell has a background process ignore SIGINT
  "$program" "${long[@]}" --output "$directory" "$@" >out.txt 2>err.txt &
  pid=$!
  set +m
}

wait_for() {  # COMMAND..: until it succeeds
  local tries=0
  until "$@" 2>/dev/null; do
    kill -0 $pid 2>/dev/null && ((++tries < 2000)) || { fail "waiting for: $*"; return 0; }
    sleep 0.01
  done
}

has_lines() { [[ $(wc -l <"$1") -ge $2 ]]; }

ended() {  # CODE
  code=0
  wait $pid 2>/dev/null || code=$?
  [[ $code == "$1" ]] || fail "exit code $code, expected $1: $(tail -n 2 err.txt)"
}

resumes() {  # DIR [RUN.TOML]: to the same bytes as the run that nothing disturbed
  expect_ok train --config "${2:-$1/run.toml}" --output "$1" --resume --quiet
  expect_same whole/$weights "$1/$weights"
  [[ ! -e $1/.matlora/new && ! -e $1/.matlora/lock ]] || fail "$1: left in .matlora: $(ls "$1/.matlora")"
}

# Under nohup SIGHUP is ignored, and no shell can change that.
hangups=(HUP)
[[ $((0x$(sed -n 's/^SigIgn:\s*//p' /proc/$$/status) & 1)) == 0 ]] || hangups=()

# Every signal: an answer, the last whole step, a way to continue.
for kind in "INT 130" "TERM 143" ${hangups[@]:+"HUP 129"}; do
  read -r signal expected <<<"$kind"
  start "$signal"
  wait_for has_lines "$signal/train_log.jsonl" 3
  kill -"$signal" $pid
  ended "$expected"
  grep -q "stopping after this step; again to stop now" err.txt || fail "$signal: no answer"
  expect_file "$signal/$weights" "$signal/$state"
  resumes "$signal"
done

# Who starts an unfinished run again learns how to continue it.
start "again again"
wait_for has_lines "again again/train_log.jsonl" 3
kill -INT $pid
ended 130
grep -qF "train --config 'again again/run.toml' --resume" err.txt || fail "a command that no shell reads"
refuses "an unfinished run is here; \`matlora train --config 'again again/run.toml' --resume\`" \
  "${long[@]}" --output "again again"
expect_ok "${base[@]}" --output "again again" --max-steps 2 --force

# Ctrl-C in the scoring at the end: the adapter is whole, and that is said.
write_records scored.jsonl 2000
set -m
"$program" "${base[@]}" --output scored --max-steps 2 --eval-data scored.jsonl >out.txt 2>err.txt &
pid=$!
set +m
wait_for test -s scored/$weights
sleep 0.3
kill -INT $pid
ended 130
grep -q "the adapter is whole" err.txt || fail "no word on the adapter: $(cat err.txt)"
expect_file scored/$weights

# nohup: a closed terminal is nothing to such a run.
(trap '' HUP && exec "$program" "${base[@]}" --max-steps 60 --output nohup 2>/dev/null) &
pid=$!
wait_for has_lines nohup/train_log.jsonl 2
kill -HUP $pid
ended 0
expect_lines nohup/train_log.jsonl 60

# A step that takes long is dropped between its packs; a second signal does not wait for that.
write_records many.jsonl 3000
slow=(train --model "$model" --data many.jsonl "${cpu[@]}" --rank 8 --lr 1e-2 --max-steps 4
  --batch-size 3000 --grad-accum 1)
for times in 1 2; do
  set -m
  "$program" "${slow[@]}" --output "slow$times" >out.txt 2>err.txt &
  pid=$!
  set +m
  wait_for test -e "slow$times/train_log.jsonl"
  sleep 0.3
  began=$(date +%s%N)
  kill -INT $pid
  if [[ $times == 2 ]]; then
    sleep 0.1
    kill -INT $pid 2>/dev/null || true
  fi
  ended 130
  took=$((($(date +%s%N) - began) / 1000000))
  ((took < 4000)) || fail "$times signals: it took $took ms to stop"
  expect_file "slow$times/$weights" "slow$times/$state"
  grep -q "stopped after step $(wc -l <"slow$times/train_log.jsonl") of 4" err.txt ||
    fail "no word on the stop, or not of the last whole step: $(cat err.txt)"
done

# While the model is read there is nothing to keep, and nothing is left.
start early
wait_for test -e early/.matlora
kill -INT $pid
code=0
wait $pid || code=$?
[[ $code == 130 ]] || fail "early: exit code $code"
[[ ! -e early || -s early/$state ]] || fail "early: left $(ls -A early)"

# Readers that go away.
code=0
{ "$program" train --model "$model" --data data.jsonl "${small[@]}" --max-steps 30 --dtype float32 \
  --output closed 2>&1 || echo "code $?" >closed.txt; } | head -n 1 >/dev/null
[[ ! -e closed.txt ]] || fail "a closed pipe ended the run: $(cat closed.txt)"
expect_lines closed/train_log.jsonl 30
"$program" "${base[@]}" --max-steps 3 --output closed2 >&- 2>&- || fail "a closed stdout: $?"
expect_file closed2/$weights
{ "$program" sweep --model "$model" --adapter whole --data data.jsonl --output piped --dtype float32 \
  2>/dev/null || echo "code $?" >piped.txt; } | true
[[ ! -e piped.txt ]] || fail "sweep into a closed pipe: $(cat piped.txt)"
expect_file piped/sweep.json

# --force: an earlier result is there until the new one is whole, and the user's files stay.
cp -r whole forced
echo mine >forced/NOTES.md
expect_ok sweep --model "$model" --adapter forced --data data.jsonl --output own "${cpu[@]}"
mv own forced/sweep
start forced --force --seed 7 --save-every 1
wait_for has_lines forced/.matlora/new/train_log.jsonl 5
expect_same whole/$weights forced/$weights
kill -KILL $pid
ended 137
expect_same whole/$weights forced/$weights
expect_same whole/matlora.json forced/matlora.json
[[ $(cat forced/NOTES.md) == mine && -s forced/sweep/sweep.json ]] || fail "--force lost files"
find forced -name '*.tmp*' -delete  # of the state that it was writing
refuses "an unfinished run is here" "${long[@]}" --output forced --force
expect_ok train --config forced/.matlora/new/run.toml --resume --quiet
! cmp -s whole/$weights forced/$weights || fail "the resumed run did not replace the earlier result"
expect_lines forced/train_log.jsonl $steps
[[ $(cat forced/NOTES.md) == mine && -s forced/sweep/sweep.json ]] || fail "--force lost files"
expect_ok "${base[@]}" --output forced --max-steps 2 --force
expect_lines forced/train_log.jsonl 2
cp forced/$weights before
start forced --force
wait_for has_lines forced/.matlora/new/train_log.jsonl 2
kill -INT $pid
ended 130
grep -q "still has its earlier result" err.txt || fail "it does not say what is there"
expect_same before forced/$weights
resumes forced forced/.matlora/new/run.toml
echo mine >forced/eval_log.jsonl
refuses "is not matlora's" "${base[@]}" --output forced --max-steps 2 --force
[[ $(cat forced/eval_log.jsonl) == mine ]] || fail "--force took a file of the user's"
expect_file forced/$weights forced/adapter_config.json forced/run.toml
rm forced/eval_log.jsonl
expect_code 2 "${base[@]}" --output forced --max-steps 2 --force --target-modules none_proj
expect_file forced/$weights forced/adapter_config.json forced/run.toml

# The same for slices and sweeps.
expect_ok slice --adapter whole --rank 2 --output slice --quiet
echo mine >slice/README.md
expect_ok slice --adapter whole --rank 4 --output slice --quiet --force
[[ $(cat slice/README.md) == mine ]] || fail "slice --force took the user's file"
grep -q '"r": 4' slice/adapter_config.json || fail "slice --force did not replace"
echo mine >piped/NOTES.md
expect_ok sweep --model "$model" --adapter whole --data data.jsonl --output piped --force "${cpu[@]}"
[[ $(cat piped/NOTES.md) == mine ]] || fail "sweep --force took the user's file"
cp -r whole peft && rm -r peft/.matlora peft/matlora.json peft/run.toml
refuses "replaces only results of matlora" slice --adapter whole --rank 2 --output peft --force

# A commit that was killed half-way is completed by whoever comes next.
cp -r slice half
mkdir -p half/.matlora/commit
cp whole/$weights half/.matlora/commit
echo '{"format_version": 1, "files": ["adapter_config.json", "adapter_model.safetensors"]}' \
  >half/.matlora/commit/record.json
cp whole/adapter_config.json half
expect_ok inspect half
expect_same whole/$weights half/$weights
expect_file half/adapter_config.json half/README.md
[[ ! -e half/.matlora/commit ]] || fail "the commit is still there"

# Two runs into one output.
set -m
"$program" "${slow[@]}" --output twice >out.txt 2>err_first.txt &
pid=$!
set +m
wait_for test -e twice/train_log.jsonl
for command in "${base[*]} --output twice --force" "train --config twice/run.toml --resume --quiet"; do
  # shellcheck disable=SC2086 # a command and its arguments
  refuses "process $pid on" $command
  grep -q "train, since 20" err.txt || fail "no start of the first run: $(cat err.txt)"
done
kill -TERM $pid
ended 143
expect_file twice/$weights twice/$state

# Two changed bytes of the base are another base.
cp -r "$model" changed
printf '\x3c\x3c' | dd of=changed/model.safetensors bs=1 seek=90001 conv=notrunc status=none
refuses "another base" sweep --model changed --adapter whole --data data.jsonl --output new "${cpu[@]}"

# Threads.
for threads in 2048 4096 1000000000; do
  refuses "--threads: " train --model "$model" --data data.jsonl --output new --max-steps 1 \
    --threads $threads
done
expect_ok train --model "$model" --data data.jsonl --output threads --max-steps 1 --threads 16 --rank 2

# --save-every.
refuses "--save-every: expected a time" "${base[@]}" --output new --save-every soon
expect_ok "${base[@]}" --output saved --max-steps 2 --save-every 0
grep -q 'save-every="10m"' whole/run.toml || fail "states are not saved by default"

# run.toml works from another directory.
mkdir elsewhere
(cd elsewhere && expect_ok train --config ../saved/run.toml --output there --quiet &&
  expect_same ../saved/$weights there/$weights) || fail "run.toml from another directory"

# A sweep keeps the ranks that are done.
write_records more.jsonl 400
sweep=(sweep --model "$model" --adapter whole --data more.jsonl --ranks 0,1,2,3,4,5,6,7,8 "${cpu[@]}")
for kind in "KILL 137" "INT 130"; do
  read -r signal expected <<<"$kind"
  set -m
  "$program" "${sweep[@]}" --output "sweep$signal" >out.txt 2>err.txt &
  pid=$!
  set +m
  wait_for test -s "sweep$signal/sweep.json"
  kill -"$signal" $pid 2>/dev/null || true
  ended "$expected"
  grep -q '"rank": 0' "sweep$signal/sweep.json" || fail "sweep, $signal: nothing kept"
done

# Prompts that are answered stay answered.
set -m
"$program" generate --model "$model" --prompts more.jsonl --max-new-tokens 60 "${cpu[@]}" \
  --ignore-eos --batch-size 4 >answers.jsonl 2>err.txt &
pid=$!
set +m
wait_for has_lines answers.jsonl 4
kill -INT $pid
ended 130
grep -q "^interrupted: " err.txt || fail "no word on what is done: $(cat err.txt)"
python3 -c 'import json, sys; [json.loads(line) for line in open("answers.jsonl")]' ||
  fail "half a line of answers"
"$program" generate --model "$model" --prompts more.jsonl --max-new-tokens 4 "${cpu[@]}" 2>err.txt |
  head -n 1 >/dev/null
[[ ! -s err.txt ]] || fail "a reader that left is an error: $(cat err.txt)"

# Ends at random moments.
try_moment() {  # KIND
  local kind=$1 expected signal delay
  rm -rf random
  delay=$(awk -v seed=$RANDOM 'BEGIN { srand(seed); printf "%.3f", 0.05 + rand() * 0.9 }')
  case $kind in
    pipe)
      { "$program" "${long[@]}" --output random --save-every 1 2>&1 || true; } |
        { sleep "$delay"; } >/dev/null
      expect_same whole/$weights random/$weights
      return 0 ;;
    TWICE) signal=INT ;;
    *) signal=$kind ;;
  esac
  start random --save-every 1
  sleep "$delay"
  kill -"$signal" $pid 2>/dev/null || true
  [[ $kind != TWICE ]] || kill -INT $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
  if [[ -e random/$state ]]; then
    resumes random
  elif [[ -e random/$weights ]]; then
    expect_same whole/$weights random/$weights  # it was done
  else
    # Before the first step: what there is can be replaced.
    [[ ! -s random/train_log.jsonl || $kind == KILL ]] || fail "$kind after $delay s: steps are lost"
  fi
}
kinds=(TERM INT TWICE KILL pipe "${hangups[@]}")
for ((i = 0; i < ${KILLS:-6}; ++i)); do try_moment "${kinds[i % ${#kinds[@]}]}"; done

# A full disk, where one can be made: training goes on, and what is set aside holds the end.
if [[ $(id -u) == 0 ]] && mkdir disk && mount -t tmpfs -o size=3m tmpfs disk 2>/dev/null; then
  trap 'umount "$work/disk"; rm -rf "$work"' EXIT
  for ((i = 0; i < (${KILLS:-3} + 9) / 10; ++i)); do
    rm -rf disk/*
    start disk/run --save-every 1
    wait_for has_lines disk/run/train_log.jsonl $((3 + i * 7))
    head -c 4m /dev/zero >disk/filler 2>/dev/null || true
    sleep 0.1
    kill -INT $pid
    ended 130
    expect_file disk/run/$weights disk/run/$state
    rm disk/filler
    resumes disk/run
  done
  rm -rf disk/*
  start disk/run
  wait_for has_lines disk/run/train_log.jsonl 3
  head -c 4m /dev/zero >disk/filler 2>/dev/null || true
  ended 0
  expect_same whole/$weights disk/run/$weights
  expect_lines disk/run/train_log.jsonl $steps
  rm -rf disk/run
  head -c 4m /dev/zero >>disk/filler 2>/dev/null || true
  refuses "disk/run" "${base[@]}" --output disk/run --max-steps 1
  [[ ! -e disk/run ]] || fail "a run without space left $(ls -A disk/run)"
fi

finish
