#!/usr/bin/env bash
# study.sh MODEL TRAIN TEST OUT: Matryoshka and LoRA of rank 16 trained alike on 256 problems, swept over
# the ranks with both inference gates on 48 test problems; float32. About 20 minutes on two cores.
set -euo pipefail
program=$(dirname "$0")/../build/release/matlora
model=$1 train=$2 test=$3 out=$4
mkdir -p "$out"
for method in lora matryoshka; do
  "$program" train --model "$model" --data "$train" --limit 256 --output "$out/$method" --force \
    --method "$method" --rank 16 --lr "${LR:-1e-3}" --epochs 1 --batch-size 8 --grad-accum 1 \
    --dtype float32 --seed "${SEED:-42}"
done
sweep() {  # METHOD GATE [OPTION]..
  "$program" sweep --model "$model" --adapter "$out/$1" --data "$test" --limit 48 \
    --ranks 0,1,2,4,8,16 --inference-gate "$2" --dtype float32 --output "$out/sweep-$1-$2" --force \
    "${@:3}"
}
sweep lora paper
sweep lora trained
sweep matryoshka paper
# Its picture shows all that are worth comparing.
sweep matryoshka trained --compare "LoRA, cut=$out/sweep-lora-paper" \
  --compare "Matryoshka, paper gate=$out/sweep-matryoshka-paper"
