"""Makes tiny random Llama models: HF directories OUT/models/NAME/ and GGUF twins OUT/models/NAME.gguf.

Reference for the HF side: transformers' LlamaForCausalLM.save_pretrained and a byte-level BPE trained by `tokenizers`.
Reference for the GGUF side: llama.cpp's convert_hf_to_gguf.py (LlamaModel: q/k row permutation, rope_freqs), written with gguf-py.
`sharded` has no twin.
"""

import json
import pathlib

import common

EOS, BOS = "<|endoftext|>", "<|begin|>"
BASE = dict(
    hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
    max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False, rope_theta=10000.0,
)
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
SPECS = {
    "tied": dict(tie_word_embeddings=True, hidden_size=32, num_hidden_layers=3),
    "untied_gqa": dict(num_key_value_heads=2, head_dim=16),
    "llama3_rope": dict(num_key_value_heads=1, rope_scaling=LLAMA3, rope_theta=500.0),
    "linear_rope": dict(rope_scaling=dict(rope_type="linear", factor=2.0)),
    "biases": dict(num_key_value_heads=2, attention_bias=True, mlp_bias=True),
    "sharded": dict(num_key_value_heads=2, num_hidden_layers=3),
}
OLD_ROPE_KEYS = ("llama3_rope", "untied_gqa")  # written as published checkpoints have it: rope_theta and rope_scaling
BOS_MODELS = ("tied",)  # their tokenizer puts BOS in front of a prompt

TEXT = """Question: Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May.
How many clips did Natalia sell altogether in April and May? Answer: Natalia sold 48/2 = <<48/2=24>>24 clips in May.
She sold 48+24 = <<48+24=72>>72 clips altogether. #### 72 The quick brown fox doesn't jump; it's sleeping, isn't it?
Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes. How much did she earn? She earned $10.
Betty is saving money for a new wallet which costs $100. Betty has only half of the money she needs. Her parents give
her $15 for that purpose, and her grandparents twice as much. def main():\n    return {"key": [1, 2.5, None]}\n\n\n
Être ou ne pas être, naïve café. Привет, мир. 数学问题 いくつ? \t tabs and   several   spaces 1000 2024 3.14 -17."""


def make_tokenizer(directory: pathlib.Path, with_bos: bool) -> int:
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers

    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=[EOS, BOS], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(TEXT.splitlines(keepends=True), trainer)
    if with_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B:1", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
        )
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = dict(tokenizer_class="PreTrainedTokenizerFast", bos_token=BOS, eos_token=EOS, add_bos_token=with_bos,
                    clean_up_tokenization_spaces=False, model_max_length=256)
    (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    assert (tokenizer.token_to_id(EOS), tokenizer.token_to_id(BOS)) == (0, 1)
    return tokenizer.get_vocab_size()


def make_model(name: str, directory: pathlib.Path, vocab_size: int, seed: int):
    import torch
    import transformers

    spec = BASE | SPECS[name]
    rope = dict(rope_theta=spec.pop("rope_theta"), rope_type="default") | spec.pop("rope_scaling", {})
    config = transformers.LlamaConfig(vocab_size=vocab_size, eos_token_id=0, bos_token_id=1, rope_parameters=rope, **spec)
    config.dtype = torch.float32
    model = transformers.LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if "norm" in key:
                value.copy_(1 + 0.2 * noise)
            elif key.endswith("bias"):
                value.copy_(0.3 * noise)
            else:
                value.copy_(0.15 * noise)
    model.save_pretrained(str(directory), **({"max_shard_size": "60KB"} if name == "sharded" else {}))
    if name in OLD_ROPE_KEYS:
        path = directory / "config.json"
        written = json.loads(path.read_text())
        rope = written.pop("rope_parameters")
        written["rope_theta"] = rope.pop("rope_theta")
        written["rope_scaling"] = None if rope["rope_type"] == "default" else rope
        written["torch_dtype"] = written.pop("dtype")
        path.write_text(json.dumps(written, indent=2) + "\n")


def permute(rows, heads: int):
    """HF's half-split rotary order to GGUF's interleaved one, per head."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def llama3_factors(config, head_dim: int):
    """convert_hf_to_gguf: what each rotary frequency is divided by."""
    import math

    import numpy as np

    rope = config.rope_parameters
    low_wave = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high_wave = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    factors = []
    for i in range(0, head_dim, 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (i / head_dim)
        if wave < high_wave:
            factors.append(1.0)
        elif wave > low_wave:
            factors.append(rope["factor"])
        else:
            smooth = (rope["original_max_position_embeddings"] / wave - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def add_vocabulary(writer, directory: pathlib.Path, with_bos: bool) -> None:
    import gguf

    vocabulary = json.loads((directory / "tokenizer.json").read_text())
    by_id = sorted(vocabulary["model"]["vocab"].items(), key=lambda item: item[1])
    special = {token["content"] for token in vocabulary["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in by_id])
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token, _ in by_id])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in vocabulary["model"]["merges"]])
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_add_bos_token(with_bos)


def write_gguf(directory: pathlib.Path, path: pathlib.Path, with_bos: bool) -> None:
    import gguf

    model = common.load_model(directory)
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type("model")
    writer.add_name(directory.name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_quantization_version(2)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if config.rope_parameters["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_parameters["factor"])
    add_vocabulary(writer, directory, with_bos)

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        rows = value.numpy()
        if ".q_proj." in key:
            rows = permute(rows, config.num_attention_heads)
        elif ".k_proj." in key:
            rows = permute(rows, config.num_key_value_heads)
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), rows.copy())
    if config.rope_parameters["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(config, head_dim))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(out: pathlib.Path, names=common.MODEL_NAMES) -> None:
    common.set_threads()
    common.quiet_transformers()
    for seed, name in enumerate(common.MODEL_NAMES):
        if name not in names:
            continue
        directory = out / "models" / name
        directory.mkdir(parents=True, exist_ok=True)
        vocab_size = make_tokenizer(directory, name in BOS_MODELS)
        make_model(name, directory, vocab_size, seed + 1)
        print(directory)
        if name != "sharded":
            write_gguf(directory, out / "models" / f"{name}.gguf", name in BOS_MODELS)
            print(f"{directory}.gguf")


if __name__ == "__main__":
    make(common.output_directory())
