"""A tiny random model of every family: eight steps of LoRA against tools/golden/train_reference.py, and greedy texts against transformers.

Losses and gradient norms of every step, and the final A and B, float32 on the CPU. The texts are 64 tokens behind a prompt that is longer than
the windows. The models are those of tools/golden/families.py.
"""

import json

import parity
import common
import train_reference
from train_reference import Method

RANK, STEPS, BATCH, ACCUM, LR, TOKENS = 4, 8, 2, 1, 1e-3, 64
LEFT_OUT = ("gemma3_wrapper",)  # its text model is gemma3
NO_TEXT = ("phi4_mini",)  # a text that crosses longrope's original length keeps its earlier keys (docs/models.md)


def check_training(suite, name, model_dir, examples):
    method = Method("lora", "sqrt", rank=RANK)
    initial = train_reference.random_adapter(common.load_model(model_dir), RANK, seed=3)
    start, output = suite.tmp / f"{name}_init", suite.tmp / name
    train_reference.write_adapter(start, initial, RANK, RANK, rslora=False)
    suite.matlora(
        "train", "--model", model_dir, "--data", suite.tmp / "train.jsonl", "--output", output, "--method", "lora", "--rank", RANK,
        "--scaling", "sqrt", "--init-adapter", start, "--no-shuffle", "--batch-size", BATCH, "--grad-accum", ACCUM, "--max-steps", STEPS,
        "--lr", LR, "--dtype", "float32", "--quiet", "--device", "cpu")
    log = common.read_jsonl(output / "train_log.jsonl")
    expected = train_reference.train(model_dir, examples, initial, method, STEPS, BATCH, ACCUM, LR)
    suite.equal(name, "tokens", [row["tokens"] for row in log], expected["tokens"])
    for key in ("loss", "grad_norm"):
        suite.close(name, key, [row[key] for row in log], expected[key], relative=1e-4)
    got = train_reference.read_adapter(output)
    for side in "AB":
        suite.frobenius(name, f"final {side}", *({key: value for key, value in tensors.items() if f"lora_{side}" in key}
                                                 for tensors in (got, expected["adapter"])), 1e-3)


def check_text(suite, name, model_dir, tokenizer, prompt):
    import torch

    ids = tokenizer.encode(prompt).ids
    model = common.load_model(model_dir)
    with torch.no_grad():
        whole = model.generate(torch.tensor([ids]), max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0)
    expected = tokenizer.decode(whole[0, len(ids):].tolist(), skip_special_tokens=True)
    common.write_jsonl(suite.tmp / "prompts.jsonl", [{"prompt": prompt, "completion": ""}])
    line = suite.matlora("generate", "--model", model_dir, "--prompts", suite.tmp / "prompts.jsonl", "--max-new-tokens", TOKENS, "--ignore-eos",
                         "--dtype", "float32", "--device", "cpu", "--quiet")
    suite.equal(name, "text", json.loads(line.splitlines()[0])["text"], expected)


def main():
    suite = parity.Suite("families_test")
    directories = sorted(path for path in (parity.golden() / "families").iterdir() if path.is_dir() and path.name not in LEFT_OUT)
    records = parity.word_problems(STEPS * BATCH * ACCUM, 1)
    common.write_jsonl(suite.tmp / "train.jsonl", records)
    for model_dir in directories:
        tokenizer, eos = common.load_tokenizer(model_dir)
        check_training(suite, model_dir.name, model_dir, [common.encode_record(tokenizer, eos, row) for row in records])
        if model_dir.name not in NO_TEXT:
            check_text(suite, model_dir.name, model_dir, tokenizer, "Question: " + records[0]["question"] + "\nAnswer: ")
    suite.finish()


if __name__ == "__main__":
    main()
