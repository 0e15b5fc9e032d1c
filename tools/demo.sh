#!/usr/bin/env bash
# demo.sh [DATA.jsonl]: a LoRA and nested adapters on a real model, each with a good learning rate, all
# scored at every rank; then one rank is cut and asked. Some four minutes on two cores. Every data set
# has its own folder under demo/. `make demo` builds first.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly program=${DEMO_PROGRAM:-build/release/matlora} rank=16 ranks=0,1,2,4,8,16
readonly train_problems=${DEMO_TRAIN:-64} test_problems=${DEMO_TEST:-16} seed=42
readonly model=${MATLORA_MODEL:-.models/SmolLM2-135M-Instruct.Q4_1.gguf}
# The GGUF file does not say where it comes from; PEFT wants to know.
[[ $model == *SmolLM2-135M-Instruct* ]] && base_name=(--base-name HuggingFaceTB/SmolLM2-135M-Instruct) || base_name=()
started=$SECONDS

die() { echo "demo: $*" >&2; exit 2; }

# gsm8k FILE SHA256: into .data/gsm8k, once, or failure.
gsm8k() {
  local url=https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data
  local file=.data/gsm8k/$1
  [[ -f $file ]] && return
  mkdir -p .data/gsm8k
  if command -v curl >/dev/null; then
    curl -fsL --connect-timeout 5 --max-time 60 -o "$file.part" "$url/$1"
  else
    wget -q --tries=1 --connect-timeout=5 --read-timeout=20 -O "$file.part" "$url/$1"
  fi && echo "$2  $file.part" | sha256sum --status -c - && mv "$file.part" "$file" && return
  rm -f "$file.part"
  return 1
}

# put FILE COMMAND..: the command's output as FILE, whole or not at all.
put() {
  local file=$1
  shift
  "$@" > "$file.part" || { rm -f "$file.part"; return 1; }
  mv "$file.part" "$file"
}

records() { grep '[^[:space:]]' "$1"; }
all_but_last() { records "$1" | head -n "-$test_problems"; }
the_last() { records "$1" | tail -n "$test_problems"; }

# Sets train, test, data (what to call them) and out (where results go).
choose_data() {
  if [[ -n ${1:-} ]]; then
    [[ -f $1 ]] || die "$1: no such file"
    local name hash lines
    name=$(basename "${1%.jsonl}" | tr -c 'A-Za-z0-9._\n-' '-')
    hash=$(sha256sum < "$1")
    out=demo/$name-${hash:0:6} train=$out/train.jsonl test=$out/test.jsonl data=$1
    # The last problems are for the test, and none of them is trained on.
    lines=$(records "$1" | wc -l)
    ((lines > test_problems)) || die "$1: needs more than $test_problems records, has $lines"
    mkdir -p "$out"
    put "$train" all_but_last "$1"
    put "$test" the_last "$1"
  elif [[ -n ${MATLORA_GSM8K:-} && -f $MATLORA_GSM8K/train.jsonl && -f $MATLORA_GSM8K/test.jsonl ]]; then
    train=$MATLORA_GSM8K/train.jsonl test=$MATLORA_GSM8K/test.jsonl
    out=demo/gsm8k data="GSM8K in $MATLORA_GSM8K"
  elif gsm8k train.jsonl 17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465 &&
       gsm8k test.jsonl 3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14; then
    train=.data/gsm8k/train.jsonl test=.data/gsm8k/test.jsonl out=demo/gsm8k data="GSM8K"
  else
    out=demo/word-problems train=$out/train.jsonl test=$out/test.jsonl
    data="generated word problems (GSM8K cannot be downloaded here)"
    mkdir -p "$out"
    put "$train" python3 tools/word_problems.py --count "$train_problems" --seed 1
    put "$test" python3 tools/word_problems.py --count "$test_problems" --seed 2
  fi
  mkdir -p "$out"
}

train() {  # NAME METHOD LEARNING-RATE GATE
  echo "demo: $1: $2, learning rate $3"
  rm -rf "$out/$1/.matlora/new"  # of a demo that was stopped
  "$program" train --model "$model" ${base_name[@]+"${base_name[@]}"} --data "$train" \
    --output "$out/$1" --force --method "$2" --rank "$rank" --lr "$3" --inference-gate "$4" \
    --epochs 1 --batch-size 8 --grad-accum 1 --limit "$train_problems" --seed "$seed"
}

[[ -x $program ]] || die "$program is not built; run make demo"
choose_data "${1:-}"
echo "demo: $data: up to $train_problems records to train on, $test_problems to test; results in $out"

# Each with its best rate of docs/benchmarks.md. An adapter records the gate for its later use.
train lora lora 1e-2 paper
train matryoshka matryoshka 1e-2 paper
train nested nested 5e-3 trained

"$program" sweep --model "$model" --adapter "LoRA=$out/lora" \
  --adapter "Matryoshka (as published)=$out/matryoshka" --adapter "nested=$out/nested" \
  --data "$test" --ranks "$ranks" --limit "$test_problems" --output "$out/sweep" --force >/dev/null
python3 tools/demo_summary.py table "$out/sweep/sweep.csv"

"$program" slice --adapter "$out/nested" --rank 4 --output "$out/rank4" --force
if grep -m1 '[^[:space:]]' "$test" | grep -qE '"(question|prompt)"'; then
  "$program" generate --model "$model" --adapter "$out/rank4" --max-new-tokens 160 --quiet \
    --prompts "$test" --limit 1 | python3 tools/demo_summary.py answer "$test"
fi
cat <<END

demo: $((SECONDS - started)) s. Open $out/sweep/report.html: every rank, and which one to take.
$out/rank4 is rank 4 of the nested adapter, a plain PEFT adapter.
END
