#!/usr/bin/env bash
# Files that say less than others, and models with more embeddings than tokens.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/helpers.sh"

# A small GGUF file without tensors, which is enough for its tokenizer: PRE, more pairs of
# key=u32:NUMBER or key=bool:0|1.
write_tokenizer() {  # FILE PRE PAIRS..
  python3 - "$@" <<'PYTHON'
import struct, sys
path, pre, *pairs = sys.argv[1:]
text = lambda t: struct.pack("<Q", len(t.encode())) + t.encode()
string = lambda k, v: text(k) + struct.pack("<I", 8) + text(v)
def strings(k, values):
    return text(k) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))
body = [string("general.architecture", "llama"), string("tokenizer.ggml.model", "gpt2"), string("tokenizer.ggml.pre", pre),
        strings("tokenizer.ggml.tokens", ["a", "<s>", "b", "ab", "<|im_end|>"])]
for pair in pairs:
    key, value = pair.split("=")
    kind, number = value.split(":")
    key = "tokenizer.ggml." + key
    if kind == "merges":
        body.append(strings(key, [number]))
    else:
        body.append(text(key) + (struct.pack("<IB", 7, int(number)) if kind == "bool" else struct.pack("<II", 4, int(number))))
open(path, "wb").write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(body)) + b"".join(body) + b"\0" * 64)
PYTHON
}

ids() {  # EXPECTED PRE PAIRS..
  local expected=$1
  shift
  write_tokenizer t.gguf "$@"
  expect_ok tokenize --model t.gguf --text ab
  [[ $(cat out.txt) == "$expected" ]] || fail "$*: $(cat out.txt), expected $expected"
}

merges="merges=merges:a b"
for pre in default gpt-2 qwen2 smollm; do ids "[3]" $pre "$merges" bos_token_id=u32:1; done
ids "[1,3]" llama-bpe "$merges" bos_token_id=u32:1
ids "[3]" llama-bpe "$merges" bos_token_id=u32:1 add_bos_token=bool:0
ids "[1,3]" gpt-2 "$merges" bos_token_id=u32:1 add_bos_token=bool:1
ids "[3]" llama-bpe "$merges"

write_tokenizer t.gguf gpt-2 bos_token_id=u32:1
refuses "tokenizer.ggml.merges' is missing" tokenize --model t.gguf --text ab
write_tokenizer t.gguf gpt-2 "$merges" eot_token_id=u32:5
refuses "tokenizer.ggml.eot_token_id" tokenize --model t.gguf --text ab

# Ids without a token, as `tokenizers` has them.
write_tokenizer t.gguf gpt-2 "$merges"
for path in t.gguf "$model"; do
  expect_ok tokenize --model "$path" --decode --text "[100000,2147483647,4294967295]"
  [[ $(cat out.txt) == '""' ]] || fail "$path: $(cat out.txt)"
  refuses "expected a token id, got 4294967296" tokenize --model "$path" --decode --text "[4294967296]"
  refuses "expected a token id, got -1" tokenize --model "$path" --decode --text "[-1]"
done

# The cases that were reported, where they are.
cases=$here/../../../shared/cases
if [[ -d $cases/gguf-eot ]]; then
  run_case() { expect_ok generate --quiet --model "$cases/$1" --prompt "$2" --max-new-tokens "$3"; }
  run_case gguf-eot/with_eot_key.gguf "The price" 40
  cp out.txt with_key.txt
  run_case gguf-eot/eos_is_endoftext.gguf "The price" 40
  expect_same with_key.txt out.txt
  run_case hf-padded-vocab "The price" 5
  [[ $(cat out.txt) == "" ]] || fail "padded: $(cat out.txt)"
  run_case hf-padded-vocab "Another one" 5
  [[ $(cat out.txt) == " le le le le le" ]] || fail "padded: $(cat out.txt)"
fi

finish
