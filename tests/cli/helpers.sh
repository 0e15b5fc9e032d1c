# What the command-line tests share: sourced, with the program's path as the script's $1.
program=${1:?"usage: $0 PROGRAM"}
case $program in /*) ;; *) program=$PWD/$program ;; esac

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
models=${MATLORA_GOLDEN:-$here/../../build/golden}/models
model=$models/untied_gqa
if [[ ! -f $model/config.json || ! -f $model.gguf ]]; then
  echo "skipped: no golden models in $models" >&2
  exit 77
fi
models=$(cd "$models" && pwd)
model=$models/untied_gqa

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# As the program sets it for itself (cli/process.h): it does not start twice then.
export GOMP_SPINCOUNT=2000

failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

finish() {
  if ((failures > 0)); then
    echo "$failures checks failed" >&2
    exit 1
  fi
  echo "all checks passed"
}

# Runs the program; what it printed is in out.txt and err.txt,
# its exit code in $code.
run() {
  code=0
  "$program" "$@" >out.txt 2>err.txt || code=$?
}

# expect_code CODE ARGUMENTS..: runs the program and checks the exit code.
expect_code() {
  local expected=$1
  shift
  run "$@"
  if [[ $code != "$expected" ]]; then
    fail "exit code $code, expected $expected: matlora $* -- $(tail -n 3 err.txt)"
    return 0
  fi
}

expect_ok() { expect_code 0 "$@"; }

expect_file() {
  local file
  for file in "$@"; do [[ -s $file ]] || fail "$file is missing or empty"; done
}

expect_same() { cmp -s "$1" "$2" || fail "$1 and $2 differ"; }

expect_lines() {  # FILE COUNT
  local count=none
  [[ ! -f $1 ]] || count=$(wc -l <"$1")
  [[ $count == "$2" ]] || fail "$1 has $count lines, expected $2"
}

# Steps of a train log, one a line.
steps_of() { sed -n 's/.*"step":\([0-9]*\).*/\1/p' "$1"; }

# write_records FILE COUNT
write_records() {
  local i
  for ((i = 1; i <= $2; ++i)); do
    printf '{"question": "What is %d plus %d?", "answer": "It is %d."}\n' "$i" "$i" $((i + i))
  done >"$1"
}

# For runs that must repeat byte for byte, and for runs that must be short.
cpu=(--quiet --device cpu --dtype float32 --threads 1)
small=(--rank 8 --batch-size 2 --grad-accum 1 --lr 1e-2)

# Checks what the last run left: CODE is 2, one line with TEXT, no output, no temporary files.
check_refusal() {  # TEXT WHAT..
  local text=$1
  shift
  [[ $code == 2 ]] || fail "exit code $code, expected 2: $*: $(head -n 3 err.txt)"
  [[ $(wc -l <err.txt) == 1 ]] || fail "expected one line on stderr: $*: $(head -n 5 err.txt)"
  [[ $(head -c 7 err.txt) == "error: " ]] || fail "no 'error: ': $*: $(head -n 3 err.txt)"
  grep -qF -- "$text" err.txt || fail "'$text' is not in the message: $*: $(head -n 3 err.txt)"
  [[ ! -e $work/new ]] || fail "the output exists: $*"
  check_no_leftovers "$@"
  rm -rf "$work/new"
}

check_no_leftovers() {
  local left
  left=$(find "$work" \( -name '*.tmp*' -o -name '*.old*' \) -print)
  [[ -z $left ]] || fail "left behind: $left: $*"
  if [[ -n $left ]]; then find "$work" \( -name '*.tmp*' -o -name '*.old*' \) -exec rm -rf {} +; fi
}

refuses() {  # TEXT ARGUMENTS..
  local text=$1
  shift
  run "$@"
  check_refusal "$text" "$@"
}

refuses_train() {  # TEXT ARGUMENTS.. on top of a train command that would work
  local text=$1
  shift
  refuses "$text" train --model "$model" --data data.jsonl --output new "${cpu[@]}" \
    --batch-size 2 --grad-accum 1 --max-steps 1 "$@"
}

refuses_model() {  # TEXT MODEL
  refuses "$1" train --model "$2" --data data.jsonl --output new "${cpu[@]}" --max-steps 1
}

refuses_data() {  # TEXT FILE
  refuses "$1" train --model "$model" --data "$2" --output new "${cpu[@]}" --max-steps 1
}
