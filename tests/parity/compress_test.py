"""`matlora compress` against numpy's SVD and transformers + PEFT, per example.

1. The singular values that matlora.json keeps are numpy's of the whole update B diag(g) A.
2. A compressed adapter loads in PEFT and gives the losses of `sweep`, at its full rank those of the adapter before.
3. One with ranks per layer (rank_pattern, alpha_pattern) too, and so does a slice of it.
4. An adapter with patterns that PEFT made is read with PEFT's scales, and compressed.
"""

import parity
import common
import numpy as np
import peft
import torch
import train_reference

MODEL, RANK = "untied_gqa", 8


def sweep(suite, model_dir, adapter, data, ranks, *more):
    output = suite.tmp / f"sweep_{adapter.name}"
    suite.matlora("sweep", "--model", model_dir, "--adapter", adapter, "--data", data, "--ranks", ",".join(map(str, ranks)),
                  "--output", output, "--samples", "--dtype", "float32", "--device", "cpu", "--quiet", *more)
    return parity.read_samples(output)


def compress(suite, adapter, name, *more):
    output = suite.tmp / name
    suite.matlora("compress", "--adapter", adapter, "--output", output, *more)
    return output


def check_values(suite, trained, plain):
    """P_i of the train ranks 1, 2, 4, 8 with sqrt: the sum of 1/sqrt(r) over r > i."""
    gate = np.array([sum(r**-0.5 for r in (1, 2, 4, 8) if r > i) for i in range(RANK)])
    kept = parity.read_json(plain / "matlora.json")["compressed"]["singular_values"]
    tensors = {name: tensor.double().numpy() for name, tensor in train_reference.read_adapter(trained).items()}
    for layer, values in sorted(kept.items())[:4]:
        a, b = (next(t for name, t in tensors.items() if f"{layer}.lora_{part}" in name) for part in "AB")
        expected = np.linalg.svd(b * gate @ a, compute_uv=False)[:RANK]
        suite.close(f"singular values {layer}", "numpy", values, expected, absolute=1e-9 * expected[0])


def check_trained(suite, model_dir, data, examples):
    trained = suite.tmp / "trained"
    suite.matlora("train", "--model", model_dir, "--data", data, "--output", trained, "--method", "matryoshka", "--rank", RANK,
                  "--train-ranks", "1,2,4,8", "--scaling", "sqrt", "--inference-gate", "trained", "--max-steps", 6, "--batch-size", 4,
                  "--grad-accum", 1, "--lr", "2e-2", "--dtype", "float32", "--device", "cpu", "--quiet")
    before = parity.samples_at(sweep(suite, model_dir, trained, data, (RANK,)), RANK)[1]
    plain = compress(suite, trained, "plain")
    check_values(suite, trained, plain)
    weighted = compress(suite, trained, "weighted", "--calibrate", data, "--model", model_dir, "--dtype", "float32")
    for adapter in (plain, weighted):
        swept = sweep(suite, model_dir, adapter, data, (2, RANK))
        suite.close(adapter.name, "full rank as before", parity.samples_at(swept, RANK)[1], before, relative=1e-5)
        suite.close(adapter.name, "PEFT", parity.samples_at(swept, RANK)[1], parity.peft_nll(model_dir, adapter, examples), relative=1e-5)
    total = sum(t.numel() for t in train_reference.read_adapter(trained).values())
    uneven = compress(suite, trained, "uneven", "--parameters", total // 3)
    config = parity.read_json(uneven / "adapter_config.json")
    suite.equal("ranks per layer", "patterns", len(config["rank_pattern"]) > 0, True)
    top = config["r"]
    swept = sweep(suite, model_dir, uneven, data, (2, top))
    suite.close("ranks per layer", "PEFT", parity.samples_at(swept, top)[1], parity.peft_nll(model_dir, uneven, examples), relative=1e-5)
    for k in (2, top):
        piece = suite.tmp / f"uneven_{k}"
        suite.matlora("slice", "--adapter", uneven, "--rank", k, "--output", piece)
        expected = parity.peft_nll(model_dir, piece, examples)
        suite.close(f"ranks per layer, slice {k}", "PEFT", parity.samples_at(swept, k)[1], expected, relative=1e-5)


def check_peft_made(suite, model_dir, data, examples):
    for rslora in (False, True):
        torch.manual_seed(5)
        config = peft.LoraConfig(r=4, lora_alpha=8, use_rslora=rslora, target_modules=list(common.TARGETS), task_type="CAUSAL_LM",
                                 rank_pattern={"q_proj": 6, "layers.1.mlp.down_proj": 2}, alpha_pattern={"q_proj": 3, "v_proj": 1})
        adapted = peft.get_peft_model(common.load_model(model_dir), config)
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(0, 0.05)
        directory, case = suite.tmp / f"peft_{rslora}", f"patterns by PEFT, rslora={rslora}"
        adapted.save_pretrained(str(directory))
        expected = parity.peft_nll(model_dir, directory, examples)
        swept = sweep(suite, model_dir, directory, data, (6,))
        suite.close(case, "sweep", parity.samples_at(swept, 6)[1], expected, relative=1e-5)
        nested = compress(suite, directory, f"peft_{rslora}_nested")
        suite.close(case, "compressed, PEFT", parity.peft_nll(model_dir, nested, examples), expected, relative=1e-5)


def main():
    suite = parity.Suite("compress_test")
    model_dir = parity.golden() / "models" / MODEL
    tokenizer, eos = common.load_tokenizer(model_dir)
    records, data = parity.word_problems(16, 4), suite.tmp / "data.jsonl"
    common.write_jsonl(data, records)
    examples = [common.encode_record(tokenizer, eos, record) for record in records]
    check_trained(suite, model_dir, data, examples)
    check_peft_made(suite, model_dir, data, examples)
    suite.finish()


if __name__ == "__main__":
    main()
