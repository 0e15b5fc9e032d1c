"""`matlora merge` of every family against transformers and the `gguf` package, from a directory and from a GGUF file, into both.

1. A merged directory in float32: transformers gives the logits of the base with s(k) B A added, to 1e-5 of their largest.
2. A merged GGUF file: each tensor is the one that `gguf` writes of transformers' merged model (names of gguf-py, rows of q and k and
   1 + w as llama.cpp's converter); in q8_0, bfloat16 and float16 the bytes are those of gguf.quants.quantize.
3. Where only one direction is possible, the other is one error.
"""

import json
import subprocess

import export_test
import parity
import common
import families
import models
import numpy as np
import torch
import train_reference

RANK, K = 8, 3
TYPES = {"q8_0": "Q8_0", "bfloat16": "BF16", "float16": "F16"}


def gguf_tensors(path):
    import gguf

    return {tensor.name: tensor for tensor in gguf.GGUFReader(str(path)).tensors}


def expected_tensors(name, model, permuted):
    """GGUF name -> float32 numbers of a transformers model."""
    import gguf

    config = model.config
    architecture = families.SPECS[name][2] if name in families.SPECS else "llama"
    arch = next(a for a, text in gguf.MODEL_ARCH_NAMES.items() if text == architecture)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    result = {}
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        rows = value.numpy()
        if permuted and (".q_proj." in key or ".k_proj." in key):
            rows = models.permute(rows, config.num_attention_heads if ".q_proj." in key else config.num_key_value_heads)
        if name.startswith("gemma") and "norm" in key:
            rows = rows + 1
        result[names.get_name(key, try_suffixes=(".weight", ".bias"))] = rows
    return result


def check_gguf(suite, case, name, path, expected, kind="F32"):
    import gguf

    got = gguf_tensors(path)
    extra = {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}
    suite.equal(case, "names", sorted(set(got) - extra), sorted(expected))
    worst, bytes_equal = 0, True
    for key, value in expected.items():
        tensor = got[key]
        if kind == "F32" or value.ndim == 1:
            worst = max(worst, np.abs(tensor.data - value).max())
        else:
            qtype = gguf.GGMLQuantizationType[kind]
            if value.shape[-1] % 32 and kind == "Q8_0":
                qtype = gguf.GGMLQuantizationType.F16
            bytes_equal = bytes_equal and tensor.tensor_type == qtype
            near = np.abs(gguf.quants.dequantize(tensor.data, tensor.tensor_type) - gguf.quants.dequantize(gguf.quants.quantize(value, qtype), qtype))
            worst = max(worst, near.max() if kind != "Q8_0" else 0)
    suite.close(case, "tensors of gguf", [worst], [0], absolute=1e-6 if kind == "F32" else 4e-3)
    suite.equal(case, "types", bytes_equal, True)


def check_bytes(suite, case, plain, path, kind):
    """Blocks made of the numbers that the float32 file has."""
    import gguf

    source, got, same = gguf_tensors(plain), gguf_tensors(path), 0
    for key, tensor in got.items():
        if tensor.tensor_type.name == kind:
            made = gguf.quants.quantize(np.array(source[key].data), tensor.tensor_type)
            same += np.array_equal(made.view(np.uint8).flatten(), np.array(tensor.data).view(np.uint8).flatten())
        else:
            same += tensor.tensor_type.name in ("F32", "F16")
    suite.equal(case, "bytes of gguf.quants", same, len(got))


def refused(suite, *arguments):
    done = subprocess.run([str(suite.binary), *map(str, arguments)], capture_output=True, text=True)
    return done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr


def merge(suite, base, adapter, output, *more):
    return suite.matlora("merge", "--model", base, "--adapter", adapter, "--rank", K, "--output", output, "--any-base", *more)


def check_directory(suite, case, directory, expected, ids):
    got = export_test.logits(common.load_model(directory), ids)
    suite.close(case, "logits of transformers", got.flatten().tolist(), expected.flatten().tolist(), absolute=1e-5 * expected.abs().max().item())


def check_family(suite, name, model_dir, data, record):
    tokenizer, eos = common.load_tokenizer(model_dir)
    ids = common.encode_record(tokenizer, eos, record)[0][:40]
    adapter = suite.tmp / f"{name}_adapter"
    suite.matlora("train", "--model", model_dir, "--data", data, "--output", adapter, "--method", "matryoshka", "--inference-gate", "paper", "--rank", RANK, "--scaling", "sqrt",
                  "--max-steps", 3, "--batch-size", 4, "--grad-accum", 1, "--lr", "2e-2", "--dtype", "float32", "--device", "cpu", "--quiet")
    change = export_test.changes(adapter, "sqrt", lambda module: K)
    reference = export_test.with_changes(model_dir, change) if name != "gemma3_wrapper" else None
    if reference is None:
        inner = model_dir.parent / "gemma3"
        reference = export_test.with_changes(inner, change)
    expected = export_test.logits(reference, ids)

    merged = suite.tmp / f"{name}_hf"
    text = merge(suite, model_dir, adapter, merged, "--dtype", "float32", "--max-shard-size", "60KB")
    suite.equal(name, "says how near the logits are", "logits of" in text, True)
    shards = sorted(path.name for path in merged.glob("model-*.safetensors"))
    suite.equal(name, "shards", len(shards) > 1 and (merged / "model.safetensors.index.json").exists(), True)
    if name == "gemma3_wrapper":
        return  # transformers wants its vision part
    check_directory(suite, f"{name} directory", merged, expected, ids)
    suite.equal(name, "dtype", json.loads((merged / "config.json").read_text())["torch_dtype"], "float32")

    file = suite.tmp / f"{name}.gguf"
    architecture = families.SPECS[name][2] if name in families.SPECS else "llama"
    if architecture is None:
        ok, message = refused(suite, "merge", "--model", model_dir, "--adapter", adapter, "--output", file)
        suite.equal(name, "no GGUF file: one error", ok and "cannot say" in message and not file.exists(), True)
        return
    tensors = expected_tensors(name, reference, name in families.PERMUTED or name not in families.SPECS)
    merge(suite, model_dir, adapter, file, "--dtype", "float32", "--quiet")
    check_gguf(suite, f"{name} GGUF", name, file, tensors)
    for dtype, kind in TYPES.items():
        small = suite.tmp / f"{name}_{dtype}.gguf"
        merge(suite, model_dir, adapter, small, "--dtype", dtype, "--quiet", "--no-check")
        check_gguf(suite, f"{name} {dtype}", name, small, tensors, kind)
        check_bytes(suite, f"{name} {dtype}", file, small, kind)

    # From a GGUF file: the merged one of rank 0 is the base itself.
    base = model_dir.with_suffix(".gguf")
    again = suite.tmp / f"{name}_again.gguf"
    merge(suite, base, adapter, again, "--quiet")
    check_gguf(suite, f"{name} GGUF to GGUF", name, again, tensors)
    back = suite.tmp / f"{name}_back"
    if name == "olmo3":
        ok, message = refused(suite, "merge", "--model", base, "--adapter", adapter, "--output", back)
        suite.equal(name, "no directory: one error", ok and "its two ropes" in message and not back.exists(), True)
        return
    merge(suite, base, adapter, back, "--quiet")
    check_directory(suite, f"{name} GGUF to directory", back, expected, ids)
    import tokenizers

    made = tokenizers.Tokenizer.from_file(str(back / "tokenizer.json"))
    for sample in ("Natalia sold 48 clips, café 李雷  \n\nAnswer: 12+3", record["question"]):
        suite.equal(f"{name} GGUF to directory", "tokens", made.encode(sample).ids, tokenizer.encode(sample).ids)


def main():
    suite = parity.Suite("merge_test")
    records, data = parity.word_problems(12, 4), suite.tmp / "data.jsonl"
    common.write_jsonl(data, records)
    golden = parity.golden()
    for name in ["models/tied", "models/untied_gqa", "models/biases"] + sorted(f"families/{name}" for name in [*families.SPECS, "gemma3_wrapper"]):
        check_family(suite, name.split("/")[1], golden / name, data, records[0])
    suite.finish()


if __name__ == "__main__":
    main()
