"""The reference to beat: HF Trainer + PEFT LoRA on the first GSM8K problems, printed as one JSON object.

    train_hf_peft.py --model GGUF_OR_HF_DIR --data train.jsonl [--steps 3] [--rank 32] [--threads 2]

DESIGN 1's recipe: rank 32, seven targets, batch 8 x accumulation 4, no shuffle, float32. tokens_per_s counts real tokens (never
padding) from the first step's start to the last step's end; seconds_to_first_step runs from the process start.
A .gguf is read with tests/parity/smollm2_test.py's builder (weights dequantised by gguf-py).
"""

import argparse
import json
import pathlib
import resource
import sys
import tempfile
import time

START = time.time()
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools" / "golden"), str(ROOT / "tests" / "parity")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    for name, default in (("steps", 3), ("rank", 32), ("batch-size", 8), ("grad-accum", 4), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--lr", type=float, default=2e-4)
    return parser.parse_args()


def load(path):
    """(model, tokenizer, eos text)"""
    import common

    if not path.endswith(".gguf"):
        return common.load_model(path), *common.load_tokenizer(path)
    import gguf
    import smollm2_test

    reader = gguf.GGUFReader(path)
    return smollm2_test.build_model(reader), *smollm2_test.build_tokenizer(reader)


def collate(examples):
    import torch

    width = max(len(ids) for ids, _ in examples)
    return {
        "input_ids": torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in examples]),
        "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in examples]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in examples]),
    }


def main():
    options = arguments()
    import common
    import peft
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    model, tokenizer, eos = load(options.model)
    soft_cap = getattr(model.config, "attn_logit_softcapping", None)
    model.set_attn_implementation("eager" if soft_cap else "sdpa")  # sdpa has no soft cap
    rows = common.read_jsonl(options.data)[: options.steps * options.batch_size * options.grad_accum]
    examples = [common.encode_record(tokenizer, eos, row) for row in rows]
    config = peft.LoraConfig(r=options.rank, lora_alpha=1, use_rslora=True, target_modules=list(common.TARGETS + common.FUSED), task_type="CAUSAL_LM")
    marks = []

    class Marks(transformers.TrainerCallback):
        def on_step_begin(self, *_, **__):
            marks.append((time.time(), time.process_time()))

        def on_step_end(self, *_, **__):
            marks.append((time.time(), time.process_time()))

    with tempfile.TemporaryDirectory() as directory:
        settings = transformers.TrainingArguments(
            directory, per_device_train_batch_size=options.batch_size, gradient_accumulation_steps=options.grad_accum,
            max_steps=options.steps, learning_rate=options.lr, lr_scheduler_type="linear", weight_decay=0.0, max_grad_norm=1.0,
            logging_steps=1, logging_nan_inf_filter=False, report_to=[], save_strategy="no", train_sampling_strategy="sequential",
            use_cpu=True, disable_tqdm=True, remove_unused_columns=False, optim="adamw_torch")
        trainer = transformers.Trainer(model=peft.get_peft_model(model, config), args=settings, train_dataset=examples,
                                       data_collator=collate, callbacks=[Marks()])
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    tokens = sum(len(ids) for ids, _ in examples)
    print(json.dumps({
        "tokens_per_s": tokens / (marks[-1][0] - marks[0][0]), "tokens": tokens, "cpu_s": marks[-1][1] - marks[0][1],
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "seconds_to_first_step": marks[0][0] - START,
        "losses": [float(row["loss"]) for row in trainer.state.log_history if "loss" in row],
    }))


if __name__ == "__main__":
    main()
