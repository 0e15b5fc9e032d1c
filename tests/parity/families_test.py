"""A tiny random model of every family: eight steps of LoRA against PEFT's layers, and greedy texts against transformers.

Losses and gradient norms of every step, and the final A and B, float32 on the CPU. The texts are 64 tokens behind a prompt that is longer than
the windows, and 150 behind a short one: longer than a window and what the cache keeps besides, and across longrope's original length, where
both programs make the keys again. The models are those of tools/golden/families.py, the training is tools/golden/train_reference.py's recipe.
"""

import json

import parity
import common
import families
import train_reference

RANK, STEPS, BATCH, ACCUM, LR, TOKENS = 4, 8, 2, 1, 1e-3, 64
SHORT, SHORT_TOKENS = "2 + 2", 150


def check_training(suite, name, model_dir, examples):
    initial = train_reference.random_adapter(common.load_model(model_dir), RANK, seed=3)
    start, output = suite.tmp / f"{name}_init", suite.tmp / name
    train_reference.write_adapter(start, initial, RANK, 1, rslora=True)
    suite.matlora(
        "train", "--model", model_dir, "--data", suite.tmp / "train.jsonl", "--output", output, "--method", "lora", "--rank", RANK,
        "--scaling", "sqrt", "--init-adapter", start, "--no-shuffle", "--batch-size", BATCH, "--grad-accum", ACCUM, "--max-steps", STEPS,
        "--lr", LR, "--dtype", "float32", "--quiet", "--device", "cpu")
    log = common.read_jsonl(output / "train_log.jsonl")
    expected = train_reference.train_peft(model_dir, start, examples, STEPS, BATCH, ACCUM, LR)
    suite.equal(name, "tokens", [row["tokens"] for row in log], expected["tokens"])
    for key in ("loss", "grad_norm"):
        suite.close(name, key, [row[key] for row in log], expected[key], relative=1e-4)
    got = train_reference.read_adapter(output)
    for side in "AB":
        suite.frobenius(name, f"final {side}", *({key: value for key, value in tensors.items() if f"lora_{side}" in key}
                                                 for tensors in (got, expected["adapter"])), 1e-3)


def greedy(model, tokenizer, prompt, tokens):
    import torch

    ids = tokenizer.encode(prompt).ids
    with torch.no_grad():
        whole = model.generate(torch.tensor([ids]), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, eos_token_id=None, pad_token_id=0)
    return tokenizer.decode(whole[0, len(ids):].tolist(), skip_special_tokens=True)


def check_text(suite, name, model_dir, tokenizer, prompt, tokens):
    common.write_jsonl(suite.tmp / "prompts.jsonl", [{"prompt": prompt, "completion": ""}])
    line = suite.matlora("generate", "--model", model_dir, "--prompts", suite.tmp / "prompts.jsonl", "--max-new-tokens", tokens, "--ignore-eos",
                         "--dtype", "float32", "--device", "cpu", "--quiet")
    expected = greedy(common.load_model(model_dir), tokenizer, prompt, tokens)
    suite.equal(name, f"text of {tokens}", json.loads(line.splitlines()[0])["text"], expected)


def main():
    suite = parity.Suite("families_test")
    records = parity.word_problems(STEPS * BATCH * ACCUM, 1)
    common.write_jsonl(suite.tmp / "train.jsonl", records)
    golden = parity.golden()
    for name in families.SPECS:
        model_dir = golden / "families" / name
        tokenizer, eos = common.load_tokenizer(model_dir)
        check_training(suite, name, model_dir, [common.encode_record(tokenizer, eos, row) for row in records])
        check_text(suite, name, model_dir, tokenizer, "Question: " + records[0]["question"] + "\nAnswer: ", TOKENS)
        check_text(suite, name, model_dir, tokenizer, SHORT, SHORT_TOKENS)
    suite.finish()


if __name__ == "__main__":
    main()
