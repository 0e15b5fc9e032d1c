"""Training speed side by side: HF Trainer + PEFT (train_hf_peft.py) and `matlora train`, interleaved, medians and ratios.

    train_compare.py --binary build/release/matlora --model GGUF --data train.jsonl [--steps 3] [--repeats 3]

Run it with .venv-ref's Python, on an idle machine. Writes build/bench/train.json. Both do the same work: the first
steps x batch x accumulation problems in order, float32. tokens_per_s is over the optimizer steps (matlora: from its log);
peak memory is the kernel's figure for the process.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def run(command):
    """(stdout, wall seconds, peak MiB) of a process."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.time()
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.time() - start
        if status != 0:
            sys.exit(f"failed: {' '.join(command)}")
        out.seek(0)
        return out.read(), wall, usage.ru_maxrss / 1024


def run_peft(options):
    command = [sys.executable, str(ROOT / "bench" / "train_hf_peft.py"), "--model", options.model, "--data", options.data,
               "--steps", str(options.steps), "--threads", str(options.threads)]
    out, wall, peak = run(command)
    return json.loads(out.strip().split("\n")[-1]) | {"wall_s": wall, "peak_rss_mib": peak}


def run_matlora(options, method):
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out")
        _, wall, peak = run([options.binary, "train", "--model", options.model, "--data", options.data, "--output", out, "--method", method,
                             "--rank", "32", "--batch-size", "8", "--grad-accum", "4", "--max-steps", str(options.steps), "--no-shuffle",
                             "--dtype", "float32", "--device", "cpu", "--threads", str(options.threads), "--quiet"])
        log = [json.loads(line) for line in open(os.path.join(out, "train_log.jsonl"), encoding="utf-8") if line.strip()]
    tokens = sum(row["tokens"] for row in log)
    seconds = sum(row["tokens"] / row["tokens_per_s"] for row in log)
    return {"tokens_per_s": tokens / seconds, "tokens": tokens, "peak_rss_mib": peak, "wall_s": wall,
            "seconds_outside_steps": wall - seconds, "losses": [row["loss"] for row in log]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "model", "data"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", default=str(ROOT / "build" / "bench" / "train.json"))
    options = parser.parse_args()
    runners = {"hf_peft_lora": run_peft, "matlora_lora": lambda o: run_matlora(o, "lora"),
               "matlora_matryoshka": lambda o: run_matlora(o, "matryoshka")}
    runs = {name: [] for name in runners}
    for repeat in range(options.repeats):
        for name, runner in runners.items():
            runs[name].append(runner(options))
            print(f"{repeat} {name}: {runs[name][-1]['tokens_per_s']:.1f} tokens/s", file=sys.stderr)
    medians = {name: {key: statistics.median(run[key] for run in rows) for key in rows[0] if key != "losses"} for name, rows in runs.items()}
    speed = {name: row["tokens_per_s"] for name, row in medians.items()}
    result = {"machine": platform.platform(), "threads": options.threads, "steps": options.steps, "medians": medians,
              "matlora_over_peft": speed["matlora_lora"] / speed["hf_peft_lora"],
              "matryoshka_over_lora": speed["matlora_matryoshka"] / speed["matlora_lora"], "runs": runs}
    path = pathlib.Path(options.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "runs"}, indent=2))


if __name__ == "__main__":
    main()
