#!/usr/bin/env bash
# Base models and adapters that are broken or do not fit, and a full disk: refused like any mistake.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

write_records data.jsonl 4
expect_ok train --model "$model" --data data.jsonl --output adapter "${cpu[@]}" "${small[@]}" \
  --max-steps 2

# The base model.
refuses_model "nothing" "$work/nothing"
refuses_model "nothing.gguf" "$work/nothing.gguf"
head -c 1000 "$model.gguf" >short.gguf
refuses_model "short.gguf" short.gguf
head -c 60000 "$model.gguf" >cut.gguf
refuses_model "cut.gguf" cut.gguf
printf 'GGUG%0100d' 0 >other.gguf
refuses_model "other.gguf" other.gguf
mkdir empty
refuses_model "config.json" empty

changed_model() {  # NAME SED: a copy of the model whose config.json is edited
  cp -r "$model" "$1"
  sed -i "$2" "$1/config.json"
}
cp -r "$model" cut
head -c 5000 "$model/model.safetensors" >cut/model.safetensors
refuses_model "model.safetensors" cut
cp -r "$model" tiny
head -c 4 "$model/model.safetensors" >tiny/model.safetensors
refuses_model "model.safetensors" tiny
changed_model wide 's/"hidden_size": [0-9]*/"hidden_size": 64/'
refuses_model "expected" wide
changed_model deep 's/"num_hidden_layers": [0-9]*/"num_hidden_layers": 3/'
refuses_model "layers.2" deep
changed_model bert 's/"model_type": "llama"/"model_type": "bert"/'
refuses_model "bert" bert
changed_model unfinished '$d'
refuses_model "config.json" unfinished
cp -r "$model" speechless
rm speechless/tokenizer.json
refuses_model "tokenizer" speechless

# A part that is missing is never taken for a model that has none.
cp -r "$models/sharded" fewer
rm "$(ls fewer/model-00002-of-*.safetensors)"
refuses_model "model-00002-of-" fewer
cp -r "$models/sharded" linked
ln -sf nowhere "$(ls linked/model-00001-of-*.safetensors)"
refuses_model "model-00001-of-" linked
cp -r "$models/sharded" promised
sed -i 's/"weight_map": {/"weight_map": {"lm_head.bias": "'"$(basename "$(ls promised/model-00001-of-*)")"'", /' \
  promised/model.safetensors.index.json
refuses_model "tensor 'lm_head.bias' is missing" promised
changed_model biased 's/"attention_bias": false/"attention_bias": true/'
refuses_model "q_proj.bias' is missing" biased
cp -r "$model" dangling
ln -sf nowhere dangling/generation_config.json
refuses_model "generation_config.json" dangling
cp -r "$models/tied" untied
sed -i 's/"tie_word_embeddings": true/"tie_word_embeddings": false/' untied/config.json
refuses_model "lm_head.weight" untied

# An adapter for another base.
for other in tied biases; do
  refuses "adapter" sweep --model "$models/$other" --adapter adapter --data data.jsonl \
    --output new "${cpu[@]}"
done
refuses "nothing" slice --adapter nothing --rank 1 --output new
cp -r adapter cut_adapter
head -c 2000 adapter/adapter_model.safetensors >cut_adapter/adapter_model.safetensors
refuses "adapter_model.safetensors" slice --adapter cut_adapter --rank 1 --output new

# A full disk: files may grow to 16 KiB only.
refuses_when_full() {  # TEXT ARGUMENTS..
  local text=$1
  shift
  code=0
  (
    trap '' XFSZ
    ulimit -f 16
    exec "$program" "$@" >out.txt 2>err.txt
  ) || code=$?
  check_refusal "$text" full disk: "$@"
}
refuses_when_full "adapter_model.safetensors" slice --adapter adapter --rank 8 --output new
refuses_when_full "new" train --model "$model" --data data.jsonl --output new "${cpu[@]}" \
  "${small[@]}" --max-steps 1


finish
