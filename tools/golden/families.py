"""Makes a tiny random model of every family but Llama: OUT/families/NAME/ (HF), OUT/families/NAME.gguf and OUT/family_NAME.safetensors.

Reference of the logits: transformers, float32, eager attention, one sequence at a time (input_ids [40]; a. [17], b. [29]).
Windows, soft caps, norms, biases and factors are such that leaving one out shows.
GGUF names and keys: gguf-py's tables and llama.cpp's convert_hf_to_gguf.py.
`gemma3_wrapper` (text and vision), VARIANTS and those without a GGUF architecture of their own have no twin.
"""

import json
import pathlib

import common
import models

SIZES = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=256, bos_token_id=1, eos_token_id=0, pad_token_id=0)
YARN = dict(rope_type="yarn", rope_theta=500.0, factor=4.0, original_max_position_embeddings=16)
SLIDING_3 = ["sliding_attention"] * 3 + ["full_attention"]
GEMMA = dict(head_dim=16, query_pre_attn_scalar=16, sliding_window=6, tie_word_embeddings=True)
LONGROPE = dict(rope_type="longrope", rope_theta=1000.0, short_factor=[1.0, 1.1, 1.3], long_factor=[1.5, 3.0, 6.0],
                partial_rotary_factor=0.5)

# name: (configuration class, its arguments, GGUF architecture or None)
SPECS = {
    "mistral": ("MistralConfig", dict(sliding_window=5, head_dim=16), "llama"),
    "qwen2": ("Qwen2Config", dict(), "qwen2"),
    "qwen2_window": ("Qwen2Config", dict(use_sliding_window=True, sliding_window=5, max_window_layers=2, tie_word_embeddings=True), None),
    "qwen2_yarn": ("Qwen2Config", dict(rope_parameters=YARN), "qwen2"),
    "qwen3": ("Qwen3Config", dict(head_dim=16, rope_parameters=dict(rope_type="default", rope_theta=1000.0)), "qwen3"),
    "gemma2": ("Gemma2Config", GEMMA | dict(attn_logit_softcapping=2.0, final_logit_softcapping=3.0), "gemma2"),
    "gemma3": ("Gemma3TextConfig", GEMMA | dict(sliding_window_pattern=2, rope_parameters=dict(
        full_attention=dict(rope_type="linear", factor=4.0, rope_theta=5000.0),
        sliding_attention=dict(rope_type="default", rope_theta=100.0))), "gemma3"),
    "phi3": ("Phi3Config", dict(sliding_window=9), "phi3"),
    "phi4_mini": ("Phi3Config", dict(original_max_position_embeddings=20, tie_word_embeddings=True, rope_parameters=LONGROPE), "phi3"),
    "smollm3": ("SmolLM3Config", dict(rope_parameters=dict(rope_type="default", rope_theta=1000.0)), "smollm3"),
    "olmo2": ("Olmo2Config", dict(), "olmo2"),
    "olmo3": ("Olmo3Config", dict(sliding_window=5, layer_types=SLIDING_3, rope_parameters=dict(
        full_attention=YARN, sliding_attention=dict(rope_type="default", rope_theta=500.0))), "olmo2"),
    "granite": ("GraniteConfig", dict(attention_bias=True, mlp_bias=True, embedding_multiplier=6.0, residual_multiplier=0.4,
                                      attention_multiplier=0.5, logits_scaling=3.0), "granite"),
}
PERMUTED = ("mistral", "granite", "smollm3")  # rows of q and k, as the converter does


def make_model(name: str, directory: pathlib.Path, vocab_size: int, seed: int) -> None:
    import torch
    import transformers

    kind, arguments, _ = SPECS[name]
    config = getattr(transformers, kind)(vocab_size=vocab_size, **(SIZES | arguments))
    config.dtype = torch.float32
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    zero = name.startswith("gemma")
    with torch.no_grad():
        for key, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if "norm" in key:
                value.copy_((0 if zero else 1) + 0.2 * noise)
            else:
                value.copy_((0.3 if key.endswith("bias") else 0.15) * noise)
    model.save_pretrained(str(directory))


def set_common(writer, config, name: str) -> None:
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if getattr(config, "sliding_window", None):
        writer.add_sliding_window(config.sliding_window)
    if name == "granite":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if name == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if name in ("gemma3", "olmo3"):
        writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in config.layer_types])


def set_rope(writer, config, name: str) -> None:
    import math

    import gguf
    import numpy as np

    rope = config.rope_parameters
    if "full_attention" in rope:
        if name == "gemma3":
            writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
        rope = rope["full_attention"]
    writer.add_rope_freq_base(rope["rope_theta"])
    kind = rope["rope_type"]
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if name in ("phi3", "phi4_mini"):
        head_dim = config.hidden_size // config.num_attention_heads
        writer.add_rope_dimension_count(int(rope.get("partial_rotary_factor", 1.0) * head_dim))
    if kind == "longrope":
        original = config.original_max_position_embeddings
        writer.add_rope_scaling_orig_ctx_len(original)
        scale = config.max_position_embeddings / original
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
        writer.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], dtype=np.float32))
        writer.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], dtype=np.float32))


def write_gguf(name: str, directory: pathlib.Path, path: pathlib.Path, architecture: str) -> None:
    import gguf

    model = common.load_model(directory)
    config = model.config
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    set_common(writer, config, name)
    models.add_vocabulary(writer, directory, False)
    arch = next(a for a, text in gguf.MODEL_ARCH_NAMES.items() if text == architecture)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        rows = value.numpy()
        if name in PERMUTED and ".q_proj." in key:
            rows = models.permute(rows, config.num_attention_heads)
        elif name in PERMUTED and ".k_proj." in key:
            rows = models.permute(rows, config.num_key_value_heads)
        elif name.startswith("gemma") and "norm" in key:
            rows = rows + 1
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), rows.copy())
    set_rope(writer, config, name)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_logits(directory: pathlib.Path, path: pathlib.Path, kind: str = "AutoModelForCausalLM") -> None:
    import torch
    import transformers
    from safetensors.torch import save_file

    model = getattr(transformers, kind).from_pretrained(str(directory), dtype=torch.float32, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(7)
    tensors = {}
    for prefix, length in (("", 40), ("a.", 17), ("b.", 29)):
        ids = torch.randint(0, model.config.get_text_config().vocab_size, (length,), generator=generator)
        with torch.no_grad():
            logits = model(ids[None]).logits[0]
        tensors |= {prefix + "input_ids": ids, prefix + "logits": logits.contiguous()}
    save_file(tensors, str(path), metadata={"made_by": "tools/golden/families.py", "reference": "transformers float32 eager"})
    print(path, f"logits std {tensors['logits'].std():.3f}")


def wrap_gemma3(inner: pathlib.Path, directory: pathlib.Path, newer: bool) -> None:
    """transformers' own model of text and vision around the text model. newer: with the names that transformers 4.52 to 4.57 wrote."""
    import shutil

    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    vision = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    text = common.load_model(inner)
    config = transformers.Gemma3Config(text_config=text.config.to_dict(), vision_config=vision, mm_tokens_per_image=4, image_token_index=3,
                                       eos_token_id=text.config.eos_token_id, bos_token_id=text.config.bos_token_id)
    torch.manual_seed(5)
    whole = transformers.Gemma3ForConditionalGeneration(config)
    whole.model.language_model.load_state_dict(text.model.state_dict())
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(inner, directory)
    whole.save_pretrained(str(directory))
    if not newer:
        return
    path, names = directory / "model.safetensors", {}
    for key in (tensors := load_file(str(path))):
        names[key] = key.replace("language_model.model.", "model.language_model.") if key.startswith("language_model.") else "model." + key
    save_file({names[key]: value for key, value in tensors.items()}, str(path), metadata={"format": "pt"})


SIGLIP = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
# name: (text model, configuration class of text and images, its images' part, what else it has)
WRAPPERS = {
    "mistral3": ("families/mistral", "Mistral3", SIGLIP | dict(model_type="pixtral", head_dim=8), dict(tie_word_embeddings=False)),
    "llava": ("families/qwen2", "Llava", SIGLIP | dict(model_type="siglip_vision_model"), {}),
    "smolvlm": ("families/smollm3", "SmolVLM", SIGLIP, dict(scale_factor=1, tie_word_embeddings=True)),
}


def wrap(out: pathlib.Path, name: str) -> None:
    """transformers' own model of text and images, with the text model's weights."""
    import shutil

    import torch
    import transformers

    inner, kind, vision, extra = WRAPPERS[name]
    text = common.load_model(out / inner)
    config = getattr(transformers, kind + "Config")(text_config=text.config.to_dict(), vision_config=vision, **extra)
    torch.manual_seed(5)
    whole = transformers.AutoModelForImageTextToText.from_config(config, attn_implementation="eager").float()
    model = whole.model.text_model if hasattr(whole.model, "text_model") else whole.model.language_model
    model.load_state_dict(text.model.state_dict())
    whole.lm_head.load_state_dict(text.lm_head.state_dict())
    directory = out / "families" / name
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(out / inner, directory)
    whole.save_pretrained(str(directory))


def old_gemma3(config: dict) -> dict:
    """As the first Gemma 3 checkpoints have it."""
    ropes = config.pop("rope_parameters")
    full, sliding = ropes["full_attention"], ropes["sliding_attention"]
    del config["layer_types"], config["_sliding_window_pattern"]
    return config | dict(rope_theta=full["rope_theta"], rope_local_base_freq=sliding["rope_theta"],
                         rope_scaling=dict(rope_type=full["rope_type"], factor=full["factor"]))


def old_phi(kind: str):
    """As Phi-3's (`su`, `yarn`) and Phi-4-mini's checkpoints have it."""
    def rewritten(config: dict) -> dict:
        rope = config.pop("rope_parameters")
        scaling = dict(type=kind, short_factor=rope["short_factor"], long_factor=rope["long_factor"])
        if kind != "longrope":  # transformers 5 looks for it outside only where the type is longrope
            scaling["original_max_position_embeddings"] = config["original_max_position_embeddings"]
        return config | dict(rope_theta=rope["rope_theta"], partial_rotary_factor=rope["partial_rotary_factor"], rope_scaling=scaling)
    return rewritten


# name: (model, its config.json in another form): the weights are the model's, the logits what transformers reads.
VARIANTS = {"gemma3_old": ("gemma3", old_gemma3), "phi4_mini_su": ("phi4_mini", old_phi("su")),
            "phi4_mini_yarn": ("phi4_mini", old_phi("yarn")), "phi4_mini_type": ("phi4_mini", old_phi("longrope"))}


def make_variants(out: pathlib.Path) -> None:
    import shutil

    for name, (model, form) in VARIANTS.items():
        directory = out / "families" / name
        shutil.copytree(out / "families" / model, directory, dirs_exist_ok=True)
        path = directory / "config.json"
        path.write_text(json.dumps(form(json.loads(path.read_text())), indent=2) + "\n")
        write_logits(directory, out / f"family_{name}.safetensors")
    for name, newer in (("gemma3_wrapper", False), ("gemma3_wrapper_newer", True)):
        wrap_gemma3(out / "families" / "gemma3", out / "families" / name, newer)
        write_logits(out / "families" / name, out / f"family_{name}.safetensors")


def main() -> None:
    out = common.output_directory()
    common.set_threads()
    common.quiet_transformers()
    for seed, (name, (_, _, architecture)) in enumerate(SPECS.items()):
        directory = out / "families" / name
        directory.mkdir(parents=True, exist_ok=True)
        vocab_size = models.make_tokenizer(directory, False)
        make_model(name, directory, vocab_size, seed + 11)
        write_logits(directory, out / f"family_{name}.safetensors")
        if architecture:
            write_gguf(name, directory, out / "families" / f"{name}.gguf", architecture)
    make_variants(out)
    for name in WRAPPERS:
        wrap(out, name)
        write_logits(out / "families" / name, out / f"family_{name}.safetensors", "AutoModelForImageTextToText")


if __name__ == "__main__":
    main()
