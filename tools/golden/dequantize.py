"""Random blocks of every ggml type that matlora reads, and their values by the package `gguf`.

Usage: dequantize.py DIRECTORY   (writes DIRECTORY/dequantize.safetensors)

Tensors: `<TYPE>.blocks` (U8, [blocks, bytes]) and `<TYPE>.values` (F32, [blocks, items]).
"""

import pathlib
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file

# Offsets in a block at which a float16 scale lies.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
# Zero, negative zero, the subnormals' ends, the normals' ends, one; each also negative.
EDGES = np.array([0.0, 2.0**-24, 1023 * 2.0**-24, 2.0**-14, 65504.0, 1.0], np.float16)
RANDOM_BLOCKS = 32


def scaled_blocks(name: str, random: np.random.Generator) -> np.ndarray:
    """Blocks of random bytes whose scales are finite: first the edge cases, then random ones."""
    edges = np.concatenate([EDGES, -EDGES])
    count = len(edges) + RANDOM_BLOCKS
    _, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    blocks = random.integers(0, 256, (count, size), np.uint8)
    for offset in SCALES[name]:
        scales = np.concatenate([edges, random.normal(0, 0.1, RANDOM_BLOCKS).astype(np.float16)])
        edges = np.roll(edges, 5)  # another edge for the second scale
        blocks[:, offset:offset + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


def plain_blocks(name: str, random: np.random.Generator) -> np.ndarray:
    """One number a block: every finite float16 and bfloat16, random finite float32."""
    if name == "F32":
        return random.normal(0, 1, 1000).astype(np.float32).view(np.uint8).reshape(-1, 4)
    bits = np.arange(65536).astype(np.uint16)
    exponent = 0x7C00 if name == "F16" else 0x7F80
    bits = bits[(bits & exponent) != exponent]
    return bits.view(np.uint8).reshape(-1, 2)


def main() -> None:
    random = np.random.default_rng(20240607)
    tensors = {}
    for name in ["F32", "F16", "BF16", *SCALES]:
        kind = gguf.GGMLQuantizationType[name]
        blocks = scaled_blocks(name, random) if name in SCALES else plain_blocks(name, random)
        if name == "F16":
            values = blocks.view(np.float16).astype(np.float32)
        elif name == "F32":
            values = blocks.view(np.float32)
        else:
            values = gguf.quants.dequantize(blocks, kind)
        assert values.dtype == np.float32 and np.isfinite(values).all(), name
        tensors[f"{name}.blocks"] = blocks
        tensors[f"{name}.values"] = np.ascontiguousarray(values)
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    save_file(tensors, directory / "dequantize.safetensors")


if __name__ == "__main__":
    main()
