#!/usr/bin/env bash
# demo.sh [DATA.jsonl]: one nested adapter and one LoRA on a real model, both cut to every rank.
# Some minutes on two cores; everything it makes is under demo/. `make demo` builds first.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly program=build/release/matlora out=demo rank=16 ranks=0,1,2,4,8,16
readonly train_problems=${DEMO_TRAIN:-96} test_problems=${DEMO_TEST:-16} seed=42
readonly model=${MATLORA_MODEL:-.models/SmolLM2-135M-Instruct.Q4_1.gguf}
mkdir -p "$out"
started=$SECONDS

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

# Sets train, test and data (what to call them).
choose_data() {
  train=$out/train.jsonl test=$out/test.jsonl
  if [[ -n ${1:-} ]]; then
    # The last problems are for the test, and none of them is trained on.
    local lines
    lines=$(wc -l < "$1")
    ((lines > test_problems)) || { echo "demo: $1: needs more than $test_problems lines" >&2; exit 2; }
    head -n $((lines - test_problems)) "$1" > "$train"
    tail -n "$test_problems" "$1" > "$test"
    data=$1
  elif [[ -n ${MATLORA_GSM8K:-} && -f $MATLORA_GSM8K/train.jsonl && -f $MATLORA_GSM8K/test.jsonl ]]; then
    train=$MATLORA_GSM8K/train.jsonl test=$MATLORA_GSM8K/test.jsonl data="GSM8K in $MATLORA_GSM8K"
  elif gsm8k train.jsonl 17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465 &&
       gsm8k test.jsonl 3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14; then
    train=.data/gsm8k/train.jsonl test=.data/gsm8k/test.jsonl data="GSM8K"
  else
    python3 tools/word_problems.py --count "$train_problems" --seed 1 > "$train"
    python3 tools/word_problems.py --count "$test_problems" --seed 2 > "$test"
    data="generated word problems (GSM8K is not to be had here)"
  fi
}

train() {  # METHOD
  "$program" train --model "$model" --data "$train" --output "$out/$1" --force --method "$1" \
    --rank "$rank" --lr 1e-3 --epochs 1 --batch-size 8 --grad-accum 1 --limit "$train_problems" \
    --seed "$seed"
}

sweep() {  # ADAPTER OUTPUT [GATE [OPTION]..]
  "$program" sweep --model "$model" --adapter "$out/$1" --data "$test" --ranks "$ranks" \
    --inference-gate "${3:-paper}" --limit "$test_problems" --output "$out/$2" --force "${@:4}" \
    >/dev/null
}

# column FILE NAME: that column of a CSV file, one value a line.
column() {
  awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next }
                        c { print $c }' "$1"
}

area() {  # SWEEP KEY: a number of sweep.json's top level
  sed -n 's/.*"'"$2"'": *\([0-9.eE+-]*\).*/\1/p' "$out/$1/sweep.json" | head -1
}

table() {
  local s=("sweep-lora" "sweep-matryoshka" "sweep-matryoshka-trained") name
  printf '\n%-8s %26s %26s %26s\n' "" "LoRA, cut" "Matryoshka" "Matryoshka, trained gate"
  printf '%-8s' rank
  for name in "${s[@]}"; do printf ' %13s %12s' loss "token acc."; done
  echo
  local columns=("$out/.rank")
  column "$out/${s[0]}/sweep.csv" rank > "$out/.rank"
  for name in "${s[@]}"; do
    column "$out/$name/sweep.csv" loss > "$out/.$name.loss"
    column "$out/$name/sweep.csv" token_accuracy > "$out/.$name.accuracy"
    columns+=("$out/.$name.loss" "$out/.$name.accuracy")
  done
  paste "${columns[@]}" |
    awk '{ printf "%-8s %13.3f %12.4f %13.3f %12.4f %13.3f %12.4f\n", $1, $2, $3, $4, $5, $6, $7 }'
  local key
  for key in aurac_v1 aurac_v2 avg; do
    printf '%-8s' "$key"
    for name in "${s[@]}"; do printf ' %13s %12.4f' "" "$(area "$name" "$key")"; done
    echo
  done
  echo
  rm -f "${columns[@]}"
}

choose_data "${1:-}"
echo "demo: $data: up to $train_problems problems to train on, $test_problems to test"
train lora
train matryoshka
sweep lora sweep-lora
sweep matryoshka sweep-matryoshka
sweep matryoshka sweep-matryoshka-trained trained \
  --compare "LoRA, cut=$out/sweep-lora" --compare "matryoshka, paper gate=$out/sweep-matryoshka"
table
cp "$out/sweep-matryoshka-trained/sweep.svg" "$out/curve.svg"

"$program" slice --adapter "$out/matryoshka" --rank 4 --output "$out/rank4" --force \
  --inference-gate trained
question=$(sed -n '1s/.*"question": *"\(\([^"\\]\|\\.\)*\)".*/\1/p' "$test" | sed 's/\\"/"/g; s/\\n/ /g; s/\\u2019/’/g')
echo "The rank-4 slice answers:"
echo "  $question"
"$program" generate --model "$model" --adapter "$out/rank4" --max-new-tokens 128 \
  --prompt "Question: $question"$'\n'"Answer: "
echo
echo "demo: $((SECONDS - started)) s; $out/curve.svg shows the ranks, $out/rank4 is a plain PEFT adapter"
