"""`matlora train` and `sweep` against tools/golden/train_reference.py: losses, gradient norms, final A and B, loss at every rank.

All six Matryoshka variants, nested, LoRA (three scalings) and DyLoRA with one training rank, 16 steps from a given adapter, float32 on the CPU.
The tokens and label tokens of every step are compared too.
"""

import parity
import common
import train_reference
from train_reference import Method

MODEL, RANK, STEPS, BATCH, ACCUM, LR = "untied_gqa", 8, 16, 2, 2, 1e-3
METHODS = (
    [Method("matryoshka", scaling, mask) for mask in ("diag", "binary") for scaling in ("none", "rank", "sqrt")]
    + [Method("lora", scaling) for scaling in ("sqrt", "rank", "none")]
    + [Method("nested", "sqrt", mask) for mask in ("diag", "binary", "constant")]
    + [Method("nested", "none", train_ranks=(3, 8)), Method("dylora", "sqrt", "constant", train_ranks=(5,))]
    + [Method("dylora", "sqrt", train_ranks=(5,)), Method("matryoshka", "sqrt", "diag", train_ranks=(3, 5, 8))]
)


def label(method: Method) -> str:
    parts = [method.name, method.scaling]
    if method.name != "lora":
        parts.append(method.mask)
    if method.name != "lora":
        parts.append("S=" + ",".join(map(str, method.train_ranks)))
    return " ".join(parts)


def flags(method: Method) -> list:
    given = ["--method", method.name, "--rank", method.rank, "--scaling", method.scaling]
    if method.name != "lora":
        given += ["--train-ranks", ",".join(map(str, method.train_ranks))]
    if method.name == "nested":
        given += ["--nest", "none", "--rank-weights", "full:0.25"]
    if method.name != "lora":
        given += ["--mask", method.mask]
    return given


def check_training(suite, method, model_dir, files, examples, initial, output):
    suite.matlora(
        "train", "--model", model_dir, "--data", files["train"], "--output", output, *flags(method), "--init-adapter", files["init"],
        "--no-shuffle", "--batch-size", BATCH, "--grad-accum", ACCUM, "--max-steps", STEPS, "--lr", LR, "--dtype", "float32",
        "--quiet", "--device", "cpu")
    log, case = common.read_jsonl(output / "train_log.jsonl"), label(method)
    ranks = [row["sampled_rank"] for row in log] if method.name == "nested" else None
    if ranks:  # one in four at the full rank, the others alike: whole numbers over all steps of four up to one
        of_full = sum(rank == method.rank for step in ranks for rank in step)
        suite.equal(case, "sequences at the full rank", of_full, STEPS * BATCH * ACCUM // 4)
    expected = train_reference.train(model_dir, examples, initial, method, STEPS, BATCH, ACCUM, LR, ranks=ranks)
    for key in ("tokens", "label_tokens"):
        suite.equal(case, key, [row[key] for row in log], expected[key])
    for key in ("loss", "grad_norm"):
        suite.close(case, key, [row[key] for row in log], expected[key], relative=1e-4)
    suite.close(case, "lr", [row["lr"] for row in log], [LR * (1 - t / STEPS) for t in range(STEPS)], relative=1e-6)
    got = train_reference.read_adapter(output)
    if ranks:  # the gate is in B
        expected["adapter"] = {key: value * method.gate() if "lora_B" in key else value for key, value in expected["adapter"].items()}
    for side in "AB":
        suite.frobenius(case, f"final {side}", *({key: value for key, value in tensors.items() if f"lora_{side}" in key}
                                                 for tensors in (got, expected["adapter"])), 1e-3)
    return got


def check_sweep(suite, method, model_dir, files, examples, adapter, output):
    for gate in ("paper", "trained"):
        target = output / f"sweep_{gate}"
        suite.matlora("sweep", "--model", model_dir, "--adapter", output, "--data", files["test"], "--inference-gate", gate, "--samples",
                      "--ranks", ",".join(map(str, range(RANK + 1))), "--output", target, "--dtype", "float32", "--device", "cpu", "--quiet")
        terms = {k: method.inference_terms(k, gate) for k in range(RANK + 1)}
        if method.name == "nested":
            terms = {k: [(k, 1.0)] if k else [] for k in terms}
        expected = train_reference.evaluate(model_dir, examples, adapter, terms)
        rows, case = {row["rank"]: row for row in parity.read_json(target / "sweep.json")["rows"]}, f"{label(method)} sweep {gate}"
        suite.equal(case, "ranks", sorted(rows), sorted(expected))
        ranks = [k for k in expected if k in rows]
        suite.close(case, "loss", [rows[k]["loss"] for k in ranks], [expected[k]["loss"] for k in ranks], relative=1e-4)
        suite.close(case, "token_accuracy", [rows[k]["token_accuracy"] for k in ranks],
                    [expected[k]["token_accuracy"] for k in ranks], absolute=1e-9)
        samples = parity.read_samples(target)
        suite.close(case, "nll per example", [nll for k in ranks for nll in parity.samples_at(samples, k)[1]],
                    [nll for k in ranks for nll in expected[k]["nll"]], relative=1e-4)


def main():
    suite = parity.Suite("train_test")
    model_dir = parity.golden() / "models" / MODEL
    tokenizer, eos = common.load_tokenizer(model_dir)
    records = {"train": parity.word_problems(STEPS * BATCH * ACCUM, 1), "test": parity.word_problems(16, 2)}
    files = {name: suite.tmp / f"{name}.jsonl" for name in records} | {"init": suite.tmp / "init"}
    for name, rows in records.items():
        common.write_jsonl(files[name], rows)
    examples = {name: [common.encode_record(tokenizer, eos, row) for row in rows] for name, rows in records.items()}
    initial = train_reference.random_adapter(common.load_model(model_dir), RANK, seed=3)
    train_reference.write_adapter(files["init"], initial, RANK, RANK, rslora=False)
    for method in METHODS:
        output = suite.tmp / label(method).replace(" ", "_")
        adapter = check_training(suite, method, model_dir, files, examples["train"], initial, output)
        check_sweep(suite, method, model_dir, files, examples["test"], adapter, output)
    suite.finish()


if __name__ == "__main__":
    main()
