"""Makes OUT/adapters/: adapters in every form that matlora reads, each with the logits of its reference.

index.json: [{name, model, adapter, rank}], paths below OUT; NAME.safetensors: input_ids [12], logits [12, V].
PEFT's directories and GGUF's files: PEFT 0.21.2's logits in float32, of the same numbers. GGUF is written as llama.cpp's
convert_lora_to_gguf.py does: base names + .lora_a and .lora_b, B's rows of q and k permuted for Llama's architecture.
lora_adapters_step=*.pt: the formula of the reference implementation's adapters/lora.py at one rank, put into the weights.
"""

import json
import pathlib

import common
import models

ALL = list(common.TARGETS)
Q, V, UP = "self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"

# name: (LoraConfig's arguments, what is done to the saved directory)
PEFT_CASES = {
    "plain": (dict(r=4, lora_alpha=6, target_modules=ALL), {}),
    "defaults": (dict(target_modules=["q_proj"]), {"drop": ["r", "lora_alpha"]}),
    "rslora": (dict(r=4, lora_alpha=3, use_rslora=True, target_modules=["v_proj", "down_proj"]), {}),
    "patterns": (dict(r=4, lora_alpha=8, target_modules=ALL, rank_pattern={"q_proj": 2, r".*layers\.1\..*(up|gate)_proj": 3, r"^model\.layers\.0\.mlp\.down_proj": 6},
                      alpha_pattern={"1.self_attn.k_proj": 5, "o_proj": 1}), {}),
    "patterns_rslora": (dict(r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "up_proj"], rank_pattern={"up_proj": 2}, alpha_pattern={"layers.1.mlp.up_proj": 3}), {}),
    "first_pattern": (dict(r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], alpha_pattern={"q_proj": 2, "layers.0.self_attn.q_proj": 16}), {"keep_order": True}),
    "expression": (dict(r=2, target_modules=r".*layers\.\d+\.(self_attn\.[qv]_proj|mlp\.up_proj)"), {}),
    "all_linear": (dict(r=2, target_modules="all-linear"), {"set": {"target_modules": "all-linear"}}),
    "excluded": (dict(r=2, target_modules=["q_proj", "v_proj"], exclude_modules=["layers.1.self_attn.v_proj"]), {}),
    "some_blocks": (dict(r=2, target_modules=["q_proj", "up_proj"], layers_to_transform=[1], layers_pattern="layers"), {}),
    "fan_in_fan_out": (dict(r=2, target_modules=["q_proj"]), {"set": {"fan_in_fan_out": True}}),
    "float16": (dict(r=4, target_modules=ALL), {"dtype": "float16"}),
    "bfloat16": (dict(r=4, target_modules=ALL), {"dtype": "bfloat16"}),
    "named_keys": (dict(r=2, target_modules=["q_proj", "down_proj"]), {"keys": ("_A.weight", "_A.default.weight", "_B.weight", "_B.default.weight")}),
    "no_prefix": (dict(r=2, target_modules=["q_proj", "down_proj"]), {"keys": ("base_model.model.", "")}),
    "pickled": (dict(r=4, lora_alpha=6, target_modules=ALL), {"pickle": True}),
    "pickled_bfloat16": (dict(r=4, target_modules=ALL), {"pickle": True, "dtype": "bfloat16"}),
    "pickled_views": (dict(r=4, target_modules=ALL), {"pickle": True, "views": True}),
    "pickled_protocol_4": (dict(r=4, target_modules=["q_proj"]), {"pickle": True, "protocol": 4}),
    "pickled_state_dict": (dict(r=4, target_modules=["q_proj"]), {"pickle": True, "ordered": True}),
}
# name: (model, GGUF architecture, LoraConfig's arguments, the matrices' type)
GGUF_CASES = {
    "gguf_llama": ("models/untied_gqa", "llama", dict(r=4, lora_alpha=6, target_modules=ALL), "F32"),
    "gguf_llama_f16": ("models/untied_gqa", "llama", dict(r=4, lora_alpha=6, target_modules=ALL), "F16"),
    "gguf_llama_ranks": ("models/untied_gqa", "llama", dict(r=4, lora_alpha=6, target_modules=ALL, rank_pattern={"q_proj": 2, "up_proj": 8}), "F32"),
    "gguf_tied_q8_0": ("models/tied", "llama", dict(r=32, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj"]), "Q8_0"),
    "gguf_mistral": ("families/mistral", "llama", dict(r=2, lora_alpha=8, target_modules=ALL), "F32"),
    "gguf_qwen2": ("families/qwen2", "qwen2", dict(r=4, lora_alpha=6, target_modules=ALL), "BF16"),
    "gguf_phi3": ("families/phi3", "phi3", dict(r=4, lora_alpha=6, target_modules=[*common.FUSED, "o_proj", "down_proj"]), "F32"),
    "gguf_granite": ("families/granite", "granite", dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj"]), "F32"),
}
REFERENCE_CASES = {  # name: (rank R, rank k, scaling, dtype)
    "lora_adapters_step=00012": (8, 8, "sqrt", "bfloat16"),
    "lora_adapters_step=00024": (8, 3, "sqrt", "float32"),
    "described/lora_adapters_step=00007": (6, 4, "none", "float32"),
}


def save_logits(model, path: pathlib.Path) -> None:
    import torch
    from safetensors.torch import save_file

    ids = torch.randint(0, model.config.vocab_size, (12,), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        save_file({"input_ids": ids, "logits": model(ids[None]).logits[0].contiguous()}, str(path))


def make_peft(base: pathlib.Path, arguments: dict, seed: int):
    """An adapter with random A and B."""
    import peft
    import torch

    model = peft.get_peft_model(common.load_model(base), peft.LoraConfig(task_type="CAUSAL_LM", **arguments))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    return model


def rounded(tensors: dict, dtype: str) -> dict:
    import torch

    return {name: value.to(getattr(torch, dtype)) for name, value in tensors.items()}


def change(directory: pathlib.Path, how: dict, arguments: dict) -> None:
    """Turns what PEFT saved into another form of the same."""
    import collections

    import torch
    from safetensors.torch import load_file, save_file

    path = directory / "adapter_config.json"
    config = json.loads(path.read_text()) | how.get("set", {})
    for key in how.get("drop", []):
        del config[key]
    if "keep_order" in how:  # PEFT sorts the keys
        config["alpha_pattern"] = arguments["alpha_pattern"]
    path.write_text(json.dumps(config, indent=2))
    weights = directory / "adapter_model.safetensors"
    tensors = load_file(str(weights))
    replace = how.get("keys", ())
    for old, new in zip(replace[::2], replace[1::2]):
        tensors = {name.replace(old, new): value for name, value in tensors.items()}
    if "views" in how:  # one flat storage for all, every second matrix by columns
        flat = torch.cat([(value.t() if i % 2 else value).flatten() for i, value in enumerate(tensors.values())])
        begin, views = 0, {}
        for i, (name, value) in enumerate(tensors.items()):
            part = flat[begin : begin + value.numel()]
            views[name] = part.view(*reversed(value.shape)).t() if i % 2 else part.view(value.shape)
            begin += value.numel()
        tensors = views
    if "ordered" in how:
        tensors = collections.OrderedDict(tensors)
        tensors._metadata = collections.OrderedDict([("", dict(version=1))])
    if "pickle" not in how:
        return save_file(tensors, str(weights), metadata={"format": "pt"})
    weights.unlink()
    torch.save(tensors, str(directory / "adapter_model.bin"), pickle_protocol=how.get("protocol", 2))


def peft_case(out: pathlib.Path, name: str, seed: int) -> dict:
    import peft
    from safetensors.torch import load_file, save_file

    arguments, how = PEFT_CASES[name]
    base, directory = out / "models" / "untied_gqa", out / "adapters" / name
    make_peft(base, arguments, seed).save_pretrained(str(directory))
    weights = directory / "adapter_model.safetensors"
    if "dtype" in how:
        save_file(rounded(load_file(str(weights)), how["dtype"]), str(weights), metadata={"format": "pt"})
    twin = name in ("no_prefix", "pickled_protocol_4")  # which PEFT reads into a bare model only, or not at all
    if not twin:
        change(directory, how, arguments)
    model = peft.PeftModel.from_pretrained(common.load_model(base), str(directory), autocast_adapter_dtype=True)
    save_logits(model.float().eval(), out / "adapters" / f"{name}.safetensors")
    if twin:
        change(directory, how, arguments)
    ranks = [arguments.get("r", 8), *arguments.get("rank_pattern", {}).values()]
    return dict(name=name, model="models/untied_gqa", adapter=f"adapters/{name}", rank=max(ranks))


def gguf_case(out: pathlib.Path, name: str, seed: int) -> dict:
    import gguf
    import peft
    import torch
    from safetensors.torch import load_file, save_file

    base, architecture, arguments, kind = GGUF_CASES[name]
    directory = out / "adapters" / (name + "_peft")
    make_peft(out / base, arguments, seed).save_pretrained(str(directory))
    weights = directory / "adapter_model.safetensors"
    type = getattr(gguf.GGMLQuantizationType, kind)
    tensors, config = load_file(str(weights)), common.load_model(out / base).config
    writer = gguf.GGUFWriter(str(out / "adapters" / f"{name}.gguf"), architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", arguments["lora_alpha"])
    arch = next(a for a, text in gguf.MODEL_ARCH_NAMES.items() if text == architecture)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for key, value in tensors.items():
        layer, part = key.removeprefix("base_model.model.").split(".lora_")
        rows = value.numpy()
        if architecture in ("llama", "granite") and part[0] == "B" and "q_proj" in layer:
            rows = models.permute(rows, config.num_attention_heads)
        if architecture in ("llama", "granite") and part[0] == "B" and "k_proj" in layer:
            rows = models.permute(rows, config.num_key_value_heads)
        stored = gguf.quants.quantize(rows, type)
        target = names.get_name(layer + ".weight", try_suffixes=(".weight",)) + ".lora_" + part[0].lower()
        writer.add_tensor(target, stored, raw_dtype=type)
        read = torch.from_numpy(gguf.quants.dequantize(stored, type).copy())
        if rows is not value.numpy() and part[0] == "B" and ("q_proj" in layer or "k_proj" in layer) and architecture in ("llama", "granite"):
            heads = config.num_attention_heads if "q_proj" in layer else config.num_key_value_heads
            half = read.shape[0] // heads // 2
            read = read.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(read.shape)
        tensors[key] = read.contiguous()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(tensors, str(weights), metadata={"format": "pt"})
    model = peft.PeftModel.from_pretrained(common.load_model(out / base), str(directory)).eval()
    save_logits(model, out / "adapters" / f"{name}.safetensors")
    ranks = [arguments["r"], *arguments.get("rank_pattern", {}).values()]
    return dict(name=name, model=base, adapter=f"adapters/{name}.gguf", rank=max(ranks))


def reference_case(out: pathlib.Path, name: str, seed: int) -> dict:
    """state_dict's entries with lora_ in their names, of layers that hold A [in, R] and B [R, out] as parameters."""
    import torch

    rank, k, scaling, dtype = REFERENCE_CASES[name]
    path = out / "adapters" / f"{name}.pt"
    path.parent.mkdir(exist_ok=True)
    model = common.load_model(out / "models" / "untied_gqa")
    generator = torch.Generator().manual_seed(seed)
    saved = {}
    with torch.no_grad():
        for layer, module in model.named_modules():
            if not any(target in layer for target in ALL):
                continue
            a = (0.3 * torch.randn((module.in_features, rank), generator=generator)).to(getattr(torch, dtype))
            b = (0.3 * torch.randn((rank, module.out_features), generator=generator)).to(getattr(torch, dtype))
            saved |= {layer + ".lora_A": a, layer + ".lora_B": b}
            module.weight += common.scale(scaling, k) * (a.float()[:, :k] @ b.float()[:k, :]).T
    torch.save(saved, str(path))
    if "/" in name:
        (path.parent / "lora_adapters.json").write_text(json.dumps(dict(scaling=scaling, train_ranks=[2, rank])))
    save_logits(model, out / "adapters" / f"{path.stem}.safetensors")
    return dict(name=path.stem, model="models/untied_gqa", adapter=f"adapters/{name}.pt", rank=k)


def legacy(out: pathlib.Path) -> None:
    import torch

    torch.save({"x": torch.zeros(2)}, str(out / "adapters" / "legacy.pt"), _use_new_zipfile_serialization=False)


def main() -> None:
    out = common.output_directory()
    common.set_threads()
    common.quiet_transformers()
    (out / "adapters").mkdir(exist_ok=True)
    index = []
    for make, cases in ((peft_case, PEFT_CASES), (gguf_case, GGUF_CASES), (reference_case, REFERENCE_CASES)):
        for name in cases:
            index.append(make(out, name, len(index) + 1))
    legacy(out)
    (out / "adapters" / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    print(out / "adapters", len(index), "adapters")


if __name__ == "__main__":
    main()
