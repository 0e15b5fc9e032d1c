"""A real quantised model: `matlora sweep` and `tokenize` on SmolLM2-135M (Q4_1 GGUF) against transformers.

The reference is transformers' Llama in float64 with the weights that gguf-py dequantises, q and k rows put back in HF's order here,
and a `tokenizers` BPE of the GGUF's vocabulary behind Digits(individual) + ByteLevel: what `tokenizer.ggml.pre = smollm` stands for
(transformers' own GGUF reader drops the digits step, so it is no reference).
Environment: MATLORA_MODEL the .gguf (skipped without it); MATLORA_GSM8K a directory with GSM8K's train.jsonl (else generated problems).
"""

import json
import os
import subprocess
import sys

import parity
import common
import torch
import train_reference

PROBLEMS = 8


def field(reader, name, default=None):
    return reader.fields[name].contents() if name in reader.fields else default


def unpermute(rows, heads: int):
    """GGUF's interleaved rotary order back to HF's half-split one, per head."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def build_model(reader):
    import gguf
    import transformers

    heads, kv_heads = field(reader, "llama.attention.head_count"), field(reader, "llama.attention.head_count_kv")
    config = transformers.LlamaConfig(
        vocab_size=field(reader, "llama.vocab_size"), hidden_size=field(reader, "llama.embedding_length"),
        intermediate_size=field(reader, "llama.feed_forward_length"), num_hidden_layers=field(reader, "llama.block_count"),
        num_attention_heads=heads, num_key_value_heads=kv_heads,
        head_dim=field(reader, "llama.attention.key_length", field(reader, "llama.embedding_length") // heads), max_position_embeddings=field(reader, "llama.context_length"),
        rms_norm_eps=field(reader, "llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field(reader, "llama.rope.freq_base")},
        tie_word_embeddings="output.weight" not in {tensor.name for tensor in reader.tensors}, attn_implementation="eager")
    model = transformers.LlamaForCausalLM(config).float().eval()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            tensor = stored.pop(names.get_name(key, try_suffixes=(".weight",)))
            rows = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            if ".q_proj." in key or ".k_proj." in key:
                rows = unpermute(rows, heads if ".q_proj." in key else kv_heads)
            parameter.copy_(torch.from_numpy(rows.copy()).reshape(parameter.shape))
    assert not stored, f"tensors not used: {sorted(stored)}"
    return model


def build_tokenizer(reader):
    import gguf
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    tokens, types = field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in field(reader, "tokenizer.ggml.merges")]
    tokenizer = tokenizers.Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    whole = (gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED)
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, types) if kind in whole])
    return tokenizer, tokens[field(reader, "tokenizer.ggml.eos_token_id")]


def problems() -> list:
    if os.environ.get("MATLORA_GSM8K"):
        with open(os.path.join(os.environ["MATLORA_GSM8K"], "train.jsonl"), encoding="utf-8") as file:
            return [json.loads(next(file)) for _ in range(PROBLEMS)]
    script = parity.ROOT / "tools" / "word_problems.py"
    if script.exists():
        made = subprocess.run([sys.executable, str(script), "--count", str(PROBLEMS), "--seed", "1"], capture_output=True, text=True)
        rows = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
        if len(rows) == PROBLEMS:
            return rows
    return parity.word_problems(PROBLEMS)


def texts(records) -> list:
    import tokenize_test

    return tokenize_test.strings() + [f"Question: {row['question']}\nAnswer: {row['answer']}" for row in records]


def main():
    import gguf

    suite = parity.Suite("smollm2_test")
    path = os.environ.get("MATLORA_MODEL")
    if not path or not os.path.exists(path):
        parity.skip("MATLORA_MODEL names no SmolLM2-135M GGUF")
    common.set_threads(2)
    reader, records = gguf.GGUFReader(path), problems()
    tokenizer, eos = build_tokenizer(reader)

    data = suite.tmp / "texts.jsonl"
    hard = texts(records)
    common.write_jsonl(data, [{"text": text} for text in hard])
    got = [json.loads(line) for line in suite.matlora("tokenize", "--model", path, "--file", data, "--no-special").split("\n") if line.strip()]
    suite.equal("tokenize", f"{len(hard)} texts", got, [tokenizer.encode(text, add_special_tokens=False).ids for text in hard])

    common.write_jsonl(suite.tmp / "problems.jsonl", records)
    examples = [common.encode_record(tokenizer, eos, record) for record in records]
    suite.matlora("sweep", "--model", path, "--data", suite.tmp / "problems.jsonl", "--output", suite.tmp / "sweep", "--samples",
                  "--dtype", "float32", "--device", "cpu", "--quiet")
    counts, nll = parity.samples_at(parity.read_samples(suite.tmp / "sweep"), 0)
    # In float64: float32 sums over 49,152 logits put transformers itself 7e-6 off.
    model = build_model(reader).double()
    with torch.no_grad():
        losses = [train_reference.token_losses(model, ids, labels)[0].double() for ids, labels in examples]
    suite.equal("base", "label tokens", counts, [len(loss) for loss in losses])
    suite.close("base", "nll per problem", nll, [loss.sum().item() for loss in losses], relative=5e-6)
    suite.close("base", "mean nll per token", [value / count for value, count in zip(nll, counts)],
                [loss.mean().item() for loss in losses], absolute=1e-5)
    row = parity.read_json(suite.tmp / "sweep" / "sweep.json")["rows"][0]
    suite.close("base", "sweep.json loss", [row["loss"]], [(sum(loss.sum() for loss in losses) / sum(counts)).item()], relative=5e-6)
    print(f"mean loss {row['loss']:.4f} over {sum(counts)} label tokens")
    suite.finish()


if __name__ == "__main__":
    main()
