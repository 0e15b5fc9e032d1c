"""The first inputs of corpora that need a model: `model_seeds.py GOLDEN` writes fuzz/corpus/{model,gguf_model,gguf_adapter,adapter,torch_file}/seed-*.

GOLDEN is build/golden, made by `make golden`. Only headers are kept (fuzz/bundle.h): models of a few kB.
"""

import io
import json
import pathlib
import struct
import sys

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
MODELS = ["models/tied", "models/sharded", "families/gemma2", "families/phi3", "families/qwen3", "families/gemma3_wrapper", "families/granite", "families/olmo3"]
GGUFS = ["models/tied.gguf", "families/gemma3.gguf", "families/phi3.gguf", "families/qwen2.gguf"]


def header(path):
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8:8 + length])


def write(target, name, content):
    path = CORPUS / target / f"seed-{name.replace('/', '-')}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def bundle(files):
    return json.dumps(files, ensure_ascii=False).encode()


def model(folder):
    files = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors":
            files[path.name] = header(path)
        elif path.suffix == ".json":
            files[path.name] = json.loads(path.read_text(encoding="utf-8"))
    return bundle(files)


def gguf_header(path):
    """The bytes before the tensors' data: what stands from the first offset on is cut."""
    content = path.read_bytes()
    at = 8

    def number(form):
        nonlocal at
        (value,) = struct.unpack_from(form, content, at)
        at += struct.calcsize(form)
        return value

    def text():
        nonlocal at
        length = number("<Q")
        at += length

    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def value(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            kind, count = number("<I"), number("<Q")
            for _ in range(count):
                value(kind)
        else:
            at += sizes[kind]

    tensors, entries = number("<Q"), number("<Q")
    for _ in range(entries):
        text()
        value(number("<I"))
    for _ in range(tensors):
        text()
        dims = number("<I")
        at += 8 * dims + 12
    return content[:(at + 31) // 32 * 32]


def peft_config(**changes):
    return {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM", "bias": "none", "use_dora": False,
            "use_rslora": False, "fan_in_fan_out": False, "rank_pattern": {}, "alpha_pattern": {}, "base_model_name_or_path": "tiny", "lora_dropout": 0.0,
            "modules_to_save": None, "layers_to_transform": None, "layers_pattern": None, "inference_mode": True, "init_lora_weights": True, "revision": None} | changes


def matrices(sizes, name=""):
    """sizes: {module: (rank, in, out)}."""
    tensors, end = {"__metadata__": {"format": "pt"}}, 0
    for module, (rank, width, out) in sizes.items():
        for side, shape in (("A", [rank, width]), ("B", [out, rank])):
            size = 4 * shape[0] * shape[1]
            tensors[f"base_model.model.{module}.lora_{side}{name}.weight"] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
            end += size
    return tensors


LAYER = "model.layers.0."


def adapters():
    same = {LAYER + "self_attn.q_proj": (2, 8, 8), LAYER + "mlp.down_proj": (2, 16, 8)}
    mixed = {LAYER + "self_attn.q_proj": (4, 8, 8), LAYER + "mlp.down_proj": (2, 16, 8)}
    yield "peft", {"adapter_config.json": peft_config(), "adapter_model.safetensors": matrices(same)}
    yield "named", {"adapter_config.json": peft_config(use_rslora=True, target_modules=".*q_proj|.*down_proj"), "adapter_model.safetensors": matrices(same, ".default")}
    yield "patterns", {"adapter_config.json": peft_config(rank_pattern={"q_proj": 4}, alpha_pattern={r"model\.layers\.0\.mlp.*": 1}, layers_to_transform=[0]),
                       "adapter_model.safetensors": matrices(mixed)}


def torch_files():
    """Where torch is there (.venv-ref)."""
    try:
        import torch
    except ImportError:
        return
    whole = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    for name, value in (("float32", {"a": whole, "b": whole.T}), ("mixed", {"a": whole.half(), "b": whole.bfloat16()[:, 1:], "c": whole.double()})):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        write("torch_file", name, buffer.getvalue())


def main():
    golden = pathlib.Path(sys.argv[1])
    torch_files()
    for name in MODELS:
        write("model", name, model(golden / name))
    for name in GGUFS:
        write("gguf_model", name, gguf_header(golden / name))
    for name in ("gguf_llama", "gguf_phi3", "gguf_tied_q8_0"):
        write("gguf_adapter", name, gguf_header(golden / f"adapters/{name}.gguf"))
    for name, files in adapters():
        write("adapter", name, bundle(files))
    # As matlora wrote it, whatever the version.
    for path in map(pathlib.Path, sys.argv[2:]):
        write("adapter", path.name, model(path))


if __name__ == "__main__":
    main()
