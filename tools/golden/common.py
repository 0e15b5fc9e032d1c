"""What the golden scripts share: the pinned environment, the records' format, and small helpers.

A golden script is called as `SCRIPT OUT_DIR`, writes its files there and prints one line a file.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

MODEL_NAMES = ("tied", "untied_gqa", "llama3_rope", "linear_rope", "biases", "sharded")
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
FUSED = ("qkv_proj", "gate_up_proj")  # of Phi-3, in place of five of these
IGNORE = -100


def output_directory() -> pathlib.Path:
    if len(sys.argv) != 2:
        sys.exit(f"usage: {pathlib.Path(sys.argv[0]).name} OUT_DIR")
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    return out


def set_threads(count: int = 1) -> None:
    """One thread is fastest for the tiny models, and far so on a busy machine."""
    import torch

    torch.set_num_threads(min(count, os.cpu_count() or 1))


def quiet_transformers() -> None:
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def load_model(directory):
    """A transformers Llama in float32 with eager attention, in evaluation mode."""
    import torch
    import transformers

    quiet_transformers()
    return transformers.AutoModelForCausalLM.from_pretrained(
        str(directory), dtype=torch.float32, attn_implementation="eager"
    ).eval()


def load_tokenizer(directory):
    """(tokenizers.Tokenizer, eos text) of a HF directory."""
    import tokenizers

    directory = pathlib.Path(directory)
    settings = json.loads((directory / "tokenizer_config.json").read_text())
    return tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json")), settings["eos_token"]


def encode_record(tokenizer, eos: str, record: dict, max_length: int = 512):
    """DESIGN 1: "Question: {q}\\nAnswer: " and "{a}{eos}" tokenised apart; specials for the prompt only; labels mask it."""
    prompt = tokenizer.encode(f"Question: {record['question']}\nAnswer: ", add_special_tokens=True).ids
    answer = tokenizer.encode(record["answer"] + eos, add_special_tokens=False).ids
    ids = (prompt + answer)[:max_length]
    labels = ([IGNORE] * len(prompt) + answer)[:max_length]
    return ids, labels


def read_jsonl(path) -> list:
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n") if line.strip()]


def write_jsonl(path, rows) -> None:
    pathlib.Path(path).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def scale(scaling: str, rank: int) -> float:
    return {"none": 1.0, "rank": 1.0 / rank, "sqrt": rank**-0.5}[scaling]
