"""Generation speed side by side: transformers + PEFT (generate_hf_peft.py) and `matlora generate`, interleaved, medians and ratios.

    generate_compare.py --data train.jsonl [--batch-sizes 1,8,32] [--repeats 3] [--dtype bfloat16]

Run it with .venv-ref's Python, on an idle machine. Writes build/bench/generate.json. Both do the same work: the first questions of
the data, one batch of each size, greedy, as many new tokens for each, float32, the same rank-32 adapter on all seven linear layers.
memory_limit_steps_per_s: how often the weights can be read from memory in a second, which bounds the tokens of one sequence.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import harness

SPEED = re.compile(r"prefill: \d+ tokens, ([0-9.]+) tokens/s; decode: (\d+) tokens, ([0-9.]+) tokens/s")


def run_peft(options, adapter):
    out, _, _ = harness.run([sys.executable, str(harness.ROOT / "bench" / "generate_hf_peft.py"), "--model", options.model, "--data", options.data,
                     "--adapter", adapter, "--batch-sizes", options.batch_sizes, "--new-tokens", str(options.new_tokens),
                     "--threads", str(options.threads)])
    return json.loads(out.strip().split("\n")[-1])


def run_matlora(options, adapter, size):
    command = [options.binary, "generate", "--model", options.model, "--adapter", adapter, "--prompts", options.data, "--limit", size,
               "--batch-size", size, "--max-new-tokens", str(options.new_tokens), "--ignore-eos", "--dtype", options.dtype,
               "--device", "cpu", "--threads", str(options.threads)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        out.seek(0)
        err.seek(0)
        message = err.read()
        speed = SPEED.search(message)
        if status != 0 or not speed:
            sys.exit(f"failed: {' '.join(command)}: {message}")
        texts = [json.loads(line)["text"] for line in out.read().split("\n") if line]
    return {"prefill_tokens_per_s": float(speed[1]), "decode_tokens_per_s": float(speed[3]), "decode_tokens": int(speed[2]),
            "peak_rss_mib": usage.ru_maxrss / 1024, "texts": texts}


def medians(rows):
    return {key: statistics.median(row[key] for row in rows) for key in rows[0] if key != "texts"}


def compare(size, peft, matlora):
    """One batch size's runs of both."""
    theirs, ours = medians(peft), medians(matlora)
    same = sum(a == b for a, b in zip(peft[0]["texts"], matlora[0]["texts"], strict=True))
    return {"hf_peft": theirs, "matlora": ours, "same_texts": f"{same} of {size}",
            "matlora_over_peft": ours["decode_tokens_per_s"] / theirs["decode_tokens_per_s"],
            "prefill_matlora_over_peft": ours["prefill_tokens_per_s"] / theirs["prefill_tokens_per_s"]}


def main():
    parser = harness.parser(__doc__, "generate.json")
    parser.add_argument("--batch-sizes", default="1,8,32")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--dtype", default="float32", help="matlora's; the reference is always float32")
    options = parser.parse_args()
    sizes = options.batch_sizes.split(",")
    peft, matlora = [], {size: [] for size in sizes}
    with tempfile.TemporaryDirectory() as adapter:
        harness.run([sys.executable, str(harness.ROOT / "bench" / "generate_hf_peft.py"), "--model", options.model, "--make-adapter", adapter])
        for repeat in range(options.repeats):
            peft.append(run_peft(options, adapter))
            for size in sizes:
                matlora[size].append(run_matlora(options, adapter, size))
                theirs, ours = peft[-1]["batches"][size], matlora[size][-1]
                print(f"{repeat} batch {size}: PEFT {theirs['decode_tokens_per_s']:.1f} tokens/s, "
                      f"matlora {ours['decode_tokens_per_s']:.1f}", file=sys.stderr, flush=True)
    bandwidth = statistics.median(row["read_bytes_per_s"] for row in peft)
    batches = {size: compare(size, [row["batches"][size] for row in peft], matlora[size]) for size in sizes}
    limit = bandwidth / peft[0]["weight_bytes"]
    harness.write(options, {"new_tokens": options.new_tokens, "dtype": options.dtype, "weight_bytes": peft[0]["weight_bytes"],
                            "read_bytes_per_s": bandwidth, "memory_limit_steps_per_s": limit, "batches": batches})
    rows = {f"batch {size}": {"PEFT, tokens/s": row["hf_peft"]["decode_tokens_per_s"], "matlora": row["matlora"]["decode_tokens_per_s"],
                              "ratio": row["matlora_over_peft"], "limit by memory": limit * int(size),
                              "prefill ratio": row["prefill_matlora_over_peft"], "same texts": row["same_texts"]}
            for size, row in batches.items()}
    print(harness.table(list(next(iter(rows.values()))), rows))


if __name__ == "__main__":
    main()
