"""The reference to beat: greedy generation with transformers + PEFT LoRA, printed as one JSON object.

    generate_hf_peft.py --model GGUF_OR_HF_DIR --data test.jsonl --adapter DIR --batch-sizes 1,8,32 [--new-tokens 64] [--threads 2]
    generate_hf_peft.py --model GGUF_OR_HF_DIR --make-adapter DIR [--rank 32]

The second form writes a PEFT adapter on all seven linear layers whose B is random, as if trained. The first completes the first
questions of the data, float32, left padding, use_cache, the default attention, EOS ignored. decode_tokens_per_s counts from the
first new token, which the prompts' pass brings, to the last. A .gguf is read with tests/parity/smollm2_test.py's builder.
"""

import argparse
import json
import pathlib
import resource
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tools" / "golden"), str(ROOT / "tests" / "parity")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    for name in ("data", "adapter", "make-adapter"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--batch-sizes", default="1,8,32")
    for name, default in (("new-tokens", 64), ("rank", 32), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def make_adapter(model, path, rank):
    import common
    import peft
    import torch

    torch.manual_seed(1)
    config = peft.LoraConfig(r=rank, lora_alpha=1, use_rslora=True, target_modules=list(common.TARGETS), task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    adapted.save_pretrained(path)


def read_bandwidth():
    """Bytes per second of a sum over memory far beyond the caches, on all threads: the best of three."""
    import torch

    memory = torch.ones(1 << 28)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        memory.sum()
        seconds.append(time.perf_counter() - start)
    return 4 * memory.numel() / min(seconds)


def complete(model, tokenizer, prompts, new_tokens):
    import torch
    import transformers

    marks = []

    class Marks(transformers.StoppingCriteria):
        def __call__(self, input_ids, scores, **_):
            marks.append(time.perf_counter())
            return torch.zeros(len(input_ids), dtype=torch.bool)

    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    start = time.perf_counter()
    out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new_tokens, do_sample=False, use_cache=True,
                         eos_token_id=None, pad_token_id=0, stopping_criteria=transformers.StoppingCriteriaList([Marks()]))
    tokens = sum(map(len, prompts))
    return {
        "prefill_tokens_per_s": tokens / (marks[0] - start), "decode_tokens_per_s": len(prompts) * (len(marks) - 1) / (marks[-1] - marks[0]),
        "decode_tokens": len(prompts) * (len(marks) - 1), "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "texts": tokenizer.decode_batch(out[:, width:].tolist(), skip_special_tokens=True),
    }


def main():
    options = arguments()
    import common
    import peft
    import torch
    import train_hf_peft

    torch.set_num_threads(options.threads)
    model, tokenizer, _ = train_hf_peft.load(options.model)
    if options.make_adapter:
        return make_adapter(model, options.make_adapter, options.rank)
    model.set_attn_implementation("sdpa")  # as a user gets it
    model = peft.PeftModel.from_pretrained(model, options.adapter).eval()
    rows = common.read_jsonl(options.data)
    prompts = [tokenizer.encode(f"Question: {row['question']}\nAnswer: ", add_special_tokens=True).ids for row in rows[:64]]
    with torch.inference_mode():
        complete(model, tokenizer, prompts[:1], 4)  # warm
        batches = {size: complete(model, tokenizer, prompts[: int(size)], options.new_tokens) for size in options.batch_sizes.split(",")}
        weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
        print(json.dumps({"batches": batches, "weight_bytes": weights, "read_bytes_per_s": read_bandwidth()}))


if __name__ == "__main__":
    main()
