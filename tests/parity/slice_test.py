"""`matlora slice`, `sweep` and the adapters `train` writes against transformers + PEFT, per example.

1. A slice of rank k loads in PEFT and gives the losses of `sweep` at rank k, for every scaling and both inference gates;
   the slice swept as a PEFT adapter gives them again.
2. The full-rank adapter that `train` writes, loaded in PEFT, is rank R.
3. An adapter made by PEFT (plain and rank-stabilised) swept by matlora: rank R as PEFT has it, and at k < R the first k directions
   with PEFT's scale for r = k.
"""

import parity
import common
import peft
import torch
import train_reference

MODEL, RANK, KS = "untied_gqa", 8, (1, 3, 8)


def sweep(suite, model_dir, adapter, data, ranks, output, *more):
    suite.matlora("sweep", "--model", model_dir, "--adapter", adapter, "--data", data, "--ranks", ",".join(map(str, ranks)),
                  "--output", output, "--samples", "--dtype", "float32", "--device", "cpu", "--quiet", *more)
    return parity.read_samples(output)


def check_trained(suite, model_dir, data, examples):
    counts = [sum(label != common.IGNORE for label in labels[1:]) for _, labels in examples]
    for scaling in ("none", "rank", "sqrt"):
        output = suite.tmp / f"train_{scaling}"
        suite.matlora("train", "--model", model_dir, "--data", data, "--output", output, "--method", "matryoshka", "--rank", RANK,
                      "--train-ranks", "1,2,4,8", "--scaling", scaling, "--max-steps", 4, "--batch-size", 4, "--grad-accum", 1,
                      "--lr", "2e-2", "--dtype", "float32", "--device", "cpu", "--quiet")
        for gate in ("paper", "trained"):
            case = f"{scaling} {gate}"
            swept = sweep(suite, model_dir, output, data, (0, *KS), suite.tmp / f"sweep_{scaling}_{gate}", "--inference-gate", gate)
            suite.equal(case, "label tokens", parity.samples_at(swept, 8)[0], counts)
            for k in KS:
                piece = suite.tmp / f"slice_{scaling}_{gate}_{k}"
                suite.matlora("slice", "--adapter", output, "--rank", k, "--output", piece, "--inference-gate", gate)
                config = peft.PeftConfig.from_pretrained(str(piece))
                suite.equal(f"{case} rank {k}", "r", config.r, k)
                expected = parity.peft_nll(model_dir, piece, examples)
                suite.close(f"{case} rank {k}", "PEFT on the slice", parity.samples_at(swept, k)[1], expected, relative=1e-5)
                again = sweep(suite, model_dir, piece, data, (k,), piece / "sweep")
                suite.close(f"{case} rank {k}", "sweep of the slice", parity.samples_at(again, k)[1], expected, relative=1e-5)
            if gate == "paper":
                suite.close(case, "PEFT on train's own adapter", parity.samples_at(swept, RANK)[1],
                            parity.peft_nll(model_dir, output, examples), relative=1e-5)
                base, full = (parity.samples_at(swept, k)[1] for k in (0, RANK))
                suite.equal(case, "the adapter changes the losses", max(abs(b - f) for b, f in zip(base, full)) > 1e-2, True)


def check_peft_made(suite, model_dir, data, examples):
    r, alpha = 6, 12
    for rslora in (False, True):
        model = common.load_model(model_dir)
        torch.manual_seed(5)
        config = peft.LoraConfig(r=r, lora_alpha=alpha, use_rslora=rslora, target_modules=list(common.TARGETS), task_type="CAUSAL_LM")
        adapted = peft.get_peft_model(model, config)
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(0, 0.05)
        directory, case = suite.tmp / f"peft_{rslora}", f"made by PEFT, rslora={rslora}"
        adapted.save_pretrained(str(directory))
        tensors = train_reference.read_adapter(directory)
        swept = sweep(suite, model_dir, directory, data, (0, 1, 3, r), directory / "sweep")
        suite.close(case, f"rank {r}", parity.samples_at(swept, r)[1], parity.peft_nll(model_dir, directory, examples), relative=1e-5)
        terms = {k: [(k, alpha / (k**0.5 if rslora else k))] if k else [] for k in (0, 1, 3)}
        for k, row in train_reference.evaluate(model_dir, examples, tensors, terms).items():
            suite.close(case, f"rank {k}", parity.samples_at(swept, k)[1], row["nll"], relative=1e-5)


def main():
    suite = parity.Suite("slice_test")
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
