"""`matlora export` against transformers + PEFT and the `gguf` package, on tiny models with grouped queries of three families.

Adapters of three scalings, at three ranks and with ranks per module:
1. PEFT loads the directory and gives, in float32, the logits of the base with s(k_m) B[:, :k_m] A[:k_m] added to each module, and the
   losses of `sweep` at that rank.
2. The GGUF file, read with `gguf`: alpha / r B A of every module is the same change, rows of q and k as llama.cpp has them.
"""

import json
import re

import parity
import common
import models
import numpy as np
import peft
import torch
import train_reference

RANK, KS = 8, (1, 3, 8)
BASES = {"llama": "models/untied_gqa", "qwen3": "families/qwen3", "phi3": "families/phi3"}
PERMUTED = ("llama",)
PATTERN = {"layers.0.self_attn.(q|qkv)_proj": 5, "down_proj": 1, "^model.layers.1.mlp.(up|gate_up)_proj": 2, "layers.0.*": 7}


def matched(name, k):
    """PEFT's rule: the first key that names the module."""
    for key, rank in PATTERN.items():
        if re.match(rf"(.*\.)?({key})$", name):
            return rank
    return k


def changes(adapter_dir, scaling, rank_of):
    """module -> s(k) B A in float64."""
    tensors = train_reference.read_adapter(adapter_dir)
    result = {}
    for key, a in tensors.items():
        if ".lora_A." not in key:
            continue
        name, k = key[len("base_model.model."):-len(".lora_A.weight")], 0
        k = rank_of(name)
        b = tensors[key.replace("lora_A", "lora_B")]
        result[name] = common.scale(scaling, k) * b[:, :k].double() @ a[:k].double()
    return result


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def with_changes(model_dir, change):
    model = common.load_model(model_dir)
    with torch.no_grad():
        for name, value in change.items():
            weight = model.get_submodule(name).weight
            weight.copy_((weight.double() + value).float())
    return model


def check_peft(suite, case, model_dir, directory, change, ids):
    expected = logits(with_changes(model_dir, change), ids)
    loaded = peft.PeftModel.from_pretrained(common.load_model(model_dir), str(directory)).eval()
    suite.close(case, "logits of PEFT", logits(loaded, ids).flatten().tolist(), expected.flatten().tolist(), absolute=1e-5 * expected.abs().max().item())
    suite.equal(case, "the adapter changes them", (logits(common.load_model(model_dir), ids) - expected).abs().max().item() > 1e-3, True)


def check_gguf(suite, case, family, model_dir, path, change):
    import gguf
    import transformers

    reader = gguf.GGUFReader(str(path))
    field = lambda key: reader.fields[key].contents()
    suite.equal(case, "keys", [field("general.type"), field("adapter.type"), field("general.architecture")], ["adapter", "lora", family])
    tensors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    config = transformers.AutoConfig.from_pretrained(str(model_dir))
    arch = next(a for a, text in gguf.MODEL_ARCH_NAMES.items() if text == family)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    worst = 0
    for name, value in change.items():
        a, b = (tensors.pop(f"{names.get_name(name)}.weight.lora_{side}") for side in "ab")
        got = field("adapter.lora.alpha") / a.shape[0] * b.astype(np.float64) @ a.astype(np.float64)
        value = value.numpy()
        if family in PERMUTED and name.endswith(("q_proj", "k_proj")):
            value = models.permute(value, config.num_attention_heads if name.endswith("q_proj") else config.num_key_value_heads)
        worst = max(worst, np.abs(got - value).max() / np.abs(value).max())
    suite.equal(case, "tensors that are left", list(tensors), [])
    suite.close(case, "changes in the GGUF file", [worst], [0], absolute=1e-6)


def check_family(suite, family, model_dir, data, examples, ids):
    ranks = suite.tmp / "ranks.json"
    ranks.write_text(json.dumps(PATTERN))
    for scaling in ("none", "rank", "sqrt"):
        adapter = suite.tmp / f"{family}_{scaling}"
        suite.matlora("train", "--model", model_dir, "--data", data, "--output", adapter, "--method", "matryoshka", "--inference-gate", "paper", "--rank", RANK, "--train-ranks",
                      "1,2,4,8", "--scaling", scaling, "--max-steps", 3, "--batch-size", 4, "--grad-accum", 1, "--lr", "2e-2", "--dtype", "float32",
                      "--device", "cpu", "--quiet")
        for k, pattern in [(k, False) for k in KS] + [(3, True)]:
            case, more = f"{family} {scaling} {k}{' pattern' if pattern else ''}", ["--rank-pattern", ranks] if pattern else []
            change = changes(adapter, scaling, lambda name: matched(name, k) if pattern else k)
            directory = suite.tmp / case.replace(" ", "_")
            suite.matlora("export", "--adapter", adapter, "--rank", k, "--format", "peft", "--output", directory, "--quiet", *more)
            check_peft(suite, case, model_dir, directory, change, ids)
            file = directory.with_suffix(".gguf")
            suite.matlora("export", "--adapter", adapter, "--model", model_dir, "--rank", k, "--format", "gguf", "--output", file, "--quiet", *more)
            check_gguf(suite, case, family, model_dir, file, change)
            if k != 3:
                continue
            suite.matlora("sweep", "--model", model_dir, "--adapter", adapter, "--data", data, "--ranks", k, "--output", directory / "sweep", "--samples",
                          "--dtype", "float32", "--device", "cpu", "--quiet", *more)
            suite.close(case, "losses of sweep and PEFT", parity.samples_at(parity.read_samples(directory / "sweep"), k)[1],
                        parity.peft_nll(model_dir, directory, examples), relative=1e-5)


def main():
    suite = parity.Suite("export_test")
    records, data = parity.word_problems(12, 4), suite.tmp / "data.jsonl"
    common.write_jsonl(data, records)
    for family, base in BASES.items():
        model_dir = parity.golden() / base
        tokenizer, eos = common.load_tokenizer(model_dir)
        examples = [common.encode_record(tokenizer, eos, record) for record in records]
        check_family(suite, family, model_dir, data, examples, examples[0][0][:40])
    suite.finish()


if __name__ == "__main__":
    main()
