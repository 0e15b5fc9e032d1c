"""PEFT adapters on the tiny models: OUT/peft/NAME/ (as PEFT saves them) and OUT/peft_NAME.safetensors.

Reference: peft.PeftModel.from_pretrained of that directory over transformers, float32, eager attention.
logits: of input_ids [23]. logits_K: of the first min(K, r) rows of every A and columns of every B, with the whole adapter's scales.
loss, grad.MODULE.lora_A/B: of `labels` (-100: none), the mean over label tokens, and its gradients.
"""

import json
import pathlib

import common
import families

GRADIENTS = dict(r=4, lora_alpha=5, use_rslora=True, target_modules="all-linear")  # of every family
CUTS = (1, 2, 3)

# name: (model, LoraConfig's arguments). Patterns: exact names, ends of names, expressions, and keys that overlap.
CASES = {
    "phi3_fused": ("families/phi3", dict(
        r=4, lora_alpha=6, target_modules=["qkv_proj", "gate_up_proj", "down_proj"],
        rank_pattern={"layers.1.self_attn.qkv_proj": 2, r".*\.3\.mlp\..*": 6}, alpha_pattern={"gate_up_proj": 3})),
    "phi4_mini_all_linear": ("families/phi4_mini", dict(
        r=3, lora_alpha=4, target_modules="all-linear", use_rslora=True, alpha_pattern={"model.layers.2.mlp.gate_up_proj": 9})),
    "qwen2_expression": ("families/qwen2", dict(
        r=5, lora_alpha=7, use_rslora=True, target_modules=r".*layers\.[02]\.(self_attn\.[qv]_proj|mlp\.up_proj)",
        rank_pattern={"^model.layers.0.self_attn.q_proj": 3, "v_proj|up_proj": 2}, alpha_pattern={"model.layers.2.self_attn.v_proj": 5})),
    "gemma2_ends": ("families/gemma2", dict(
        r=2, lora_alpha=16, target_modules=["self_attn.q_proj", "k_proj", "mlp.down_proj"], rank_pattern={"layers.0.self_attn.k_proj": 4})),
    "gemma3_all_linear": ("families/gemma3", dict(r=6, lora_alpha=3, target_modules="all-linear", rank_pattern={r"model\.layers\.[13]\..*": 2})),
    "llama_overlap": ("models/untied_gqa", dict(
        r=2, lora_alpha=2, target_modules=["q_proj", "v_proj", "o_proj"], rank_pattern={"layers.0.self_attn.q_proj": 5, "q_proj": 3},
        alpha_pattern={".*self_attn.v_proj": 7, "model.layers.1.self_attn.v_proj": 1, "q_proj": 4})),
    "llama_plain": ("models/untied_gqa", dict(r=4, lora_alpha=8, target_modules=["q_proj", "gate_proj"])),
    "granite_some_blocks": ("families/granite", dict(r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], layers_to_transform=[1, 3])),
}
# In this order in the file, which is not the sorted one that PEFT writes; the first that matches counts.
UNSORTED = {"llama_overlap": {"alpha_pattern": {"q_proj": 4, "model.layers.1.self_attn.v_proj": 1, ".*self_attn.v_proj": 7}}}


def make_adapter(model_dir, arguments, directory: pathlib.Path, seed: int) -> None:
    import peft
    import torch

    model = peft.get_peft_model(common.load_model(model_dir), peft.LoraConfig(task_type="CAUSAL_LM", **arguments))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.copy_(torch.randn(value.shape, generator=generator) * (0.1 if "lora_B" in name else value.shape[1] ** -0.5))
    model.save_pretrained(str(directory))
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text())
    if arguments["target_modules"] == "all-linear":  # PEFT writes the list that it came to
        config["target_modules"] = "all-linear"
    path.write_text(json.dumps(config | UNSORTED.get(directory.name, {}), indent=2) + "\n")


def load(model_dir, directory):
    import peft

    return peft.PeftModel.from_pretrained(common.load_model(model_dir), str(directory), is_trainable=True).eval()


def adapted_layers(model):
    """(name in the base model, LoRA layer)"""
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and "default" in module.lora_A:
            yield name.removeprefix("base_model.model."), module


def cut_logits(model_dir, directory, ids, rank: int):
    """The first directions of every layer alone: the others' rows of A are zero."""
    import torch

    model = load(model_dir, directory)
    with torch.no_grad():
        for _, layer in adapted_layers(model):
            layer.lora_A["default"].weight[rank:] = 0
        return model(ids[None]).logits[0].contiguous()


def write_reference(model_dir, directory: pathlib.Path, path: pathlib.Path, cuts) -> None:
    import torch
    from safetensors.torch import save_file

    model = load(model_dir, directory)
    generator = torch.Generator().manual_seed(9)
    ids = torch.randint(0, model.config.vocab_size, (23,), generator=generator)
    labels = ids.clone()
    labels[:7] = common.IGNORE
    logits = model(ids[None]).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[:-1], labels[1:], ignore_index=common.IGNORE)
    loss.backward()
    tensors = {"input_ids": ids, "labels": labels, "logits": logits.detach().contiguous(), "loss": loss.detach()[None]}
    for name, layer in adapted_layers(model):
        for side in ("lora_A", "lora_B"):
            tensors[f"grad.{name}.{side}"] = getattr(layer, side)["default"].weight.grad
    tensors |= {f"logits_{k}": cut_logits(model_dir, directory, ids, k) for k in cuts}
    save_file(tensors, str(path), metadata={"made_by": "tools/golden/peft_adapters.py", "reference": "peft over transformers float32 eager"})
    print(path)


def main() -> None:
    out = common.output_directory()
    common.set_threads()
    cases = CASES | {f"gradients_{name}": (f"families/{name}", GRADIENTS) for name in families.SPECS}
    cases["gradients_llama"] = ("models/untied_gqa", GRADIENTS)
    for seed, (name, (model, arguments)) in enumerate(cases.items()):
        directory = out / "peft" / name
        make_adapter(out / model, arguments, directory, seed + 31)
        write_reference(out / model, directory, out / f"peft_{name}.safetensors", CUTS if name in CASES else ())


if __name__ == "__main__":
    main()
