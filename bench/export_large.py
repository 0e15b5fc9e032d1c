"""Slices and exports an adapter of an 8B model's shape, and says time and peak memory: export_large.py [RANK] [KEPT] [FOLDER]

The shape is Llama 3 8B's: 32 layers of seven projections, hidden size 4096, 14336 inside, 1024 for keys and values. The base is a
config.json alone: an export reads nothing else of it.
"""

import json
import os
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
LAYERS, WIDTH, INNER, KEYS = 32, 4096, 14336, 1024
MODULES = {"self_attn.q_proj": (WIDTH, WIDTH), "self_attn.k_proj": (KEYS, WIDTH), "self_attn.v_proj": (KEYS, WIDTH), "self_attn.o_proj": (WIDTH, WIDTH),
           "mlp.gate_proj": (INNER, WIDTH), "mlp.up_proj": (INNER, WIDTH), "mlp.down_proj": (WIDTH, INNER)}


def write_adapter(directory, rank):
    directory.mkdir(parents=True)
    config = dict(peft_type="LORA", r=rank, lora_alpha=rank, target_modules=sorted(name.split(".")[1] for name in MODULES))
    (directory / "adapter_config.json").write_text(json.dumps(config))
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for layer in range(LAYERS):
        for module, (out, width) in MODULES.items():
            for part, shape in (("A", (rank, width)), ("B", (out, rank))):
                size = 4 * shape[0] * shape[1]
                header[f"base_model.model.model.layers.{layer}.{module}.lora_{part}.weight"] = dict(
                    dtype="F32", shape=shape, data_offsets=[offset, offset + size])
                offset += size
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    piece = np.random.default_rng(0).standard_normal(1 << 22, dtype=np.float32).tobytes()
    with open(directory / "adapter_model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while offset > 0:
            file.write(piece[:min(offset, len(piece))])
            offset -= min(offset, len(piece))


def write_base(directory):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(dict(
        model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=128256, hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
        num_attention_heads=32, num_key_value_heads=8, rope_theta=500000.0, rms_norm_eps=1e-5)))


def timed(*arguments):
    """Seconds, those of processors, and peak MiB of the program."""
    start = time.monotonic()
    process = subprocess.Popen([str(ROOT / "build/release/matlora"), *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {arguments}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    rank, kept = (int(value) for value in (sys.argv[1:] + ["64", "16"][len(sys.argv) - 1:])[:2])
    with tempfile.TemporaryDirectory(dir=sys.argv[3] if len(sys.argv) > 3 else None) as folder:
        folder = pathlib.Path(folder)
        write_adapter(folder / "adapter", rank)
        write_base(folder / "base")
        size = lambda path: sum(file.stat().st_size for file in ([path] if path.is_file() else path.glob("*.safetensors"))) / 2**20
        print(f"rank {rank}: {size(folder / 'adapter'):.0f} MiB")
        for name, arguments in {"slice": ("slice", "--output", folder / "slice"),
                                "export to GGUF": ("export", "--format", "gguf", "--model", folder / "base", "--output", folder / "out.gguf")}.items():
            for turn in range(2):
                seconds, busy, peak = timed(arguments[0], "--adapter", folder / "adapter", "--rank", kept, "--force", "--quiet", *arguments[1:])
                print(f"{name}, rank {kept}: {seconds:.2f} s ({busy:.2f} s of processors), peak {peak:.0f} MiB, wrote {size(arguments[-1]):.0f} MiB")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
