"""What the comparisons share: processes with their peak memory, interleaved repeats, medians, tables, the machine's name.

A runner is a function of the options that returns a dictionary of figures for one run; a peer is one more entry in a table of runners.
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


def parser(doc, output):
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--binary", default=str(ROOT / "build/release/matlora"))
    result.add_argument("--model", default=str(ROOT / ".models/SmolLM2-135M-Instruct.Q4_1.gguf"))
    result.add_argument("--data", required=True, help="GSM8K's train.jsonl")
    result.add_argument("--threads", type=int, default=os.cpu_count())
    result.add_argument("--repeats", type=int, default=3)
    result.add_argument("--output", default=str(ROOT / "build/bench" / output))
    return result


def run(command, environment=None):
    """(stdout, wall seconds, peak MiB) of a process."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.time()
        process = subprocess.Popen([str(part) for part in command], stdout=out, env=os.environ | (environment or {}))
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.time() - start
        if status != 0:
            sys.exit(f"failed: {' '.join(map(str, command))}")
        out.seek(0)
        return out.read(), wall, usage.ru_maxrss / 1024


def run_json(command):
    """The JSON object that a process prints last, with its wall time and peak memory."""
    out, wall, peak = run(command)
    return json.loads(out.strip().split("\n")[-1]) | {"wall_s": wall, "peak_rss_mib": peak}


def replay(options, rank, steps, what):
    """The products of the same work alone (bench/replay.cpp)."""
    program = pathlib.Path(options.binary).parent / "bench/matlora_replay"
    return run_json([program, options.model, options.data, rank, steps, 32, options.threads, what])


def train(options, steps, *flags, rank=32):
    """Figures of a `matlora train` run over the first problems, in order."""
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out")
        _, wall, peak = run([options.binary, "train", "--model", options.model, "--data", options.data, "--output", out,
                             "--rank", rank, "--max-steps", steps, "--no-shuffle", "--dtype", "float32", "--device", "cpu",
                             "--threads", options.threads, "--quiet", *flags])
        with open(os.path.join(out, "train_log.jsonl"), encoding="utf-8") as file:
            log = [json.loads(line) for line in file if line.strip()]
    tokens = sum(row["tokens"] for row in log)
    seconds = sum(row["tokens"] / row["tokens_per_s"] for row in log)
    return {"tokens_per_s": tokens / seconds, "tokens": tokens, "peak_rss_mib": peak, "wall_s": wall,
            "seconds_outside_steps": wall - seconds, "losses": [row["loss"] for row in log]}


def interleave(runners, repeats, figure="tokens_per_s"):
    """{name: [figures of each run]}; a, b, c, a, b, c, .., so that what else the machine does falls on all alike."""
    runs = {name: [] for name in runners}
    for repeat in range(repeats):
        for name, runner in runners.items():
            runs[name].append(runner())
            print(f"{repeat} {name}: {runs[name][-1][figure]:.1f} {figure}", file=sys.stderr)
    return runs


def medians(runs):
    return {name: {key: statistics.median(row[key] for row in rows) for key in rows[0] if not isinstance(rows[0][key], list)}
            for name, rows in runs.items()}


def machine(threads):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.processor())
    return {"processor": model, "threads": threads, "system": platform.platform(),
            "commit": subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()}


def table(columns, rows):
    """Markdown. rows: {name: {column: number or text}}"""
    def text(value):
        return f"{value:,.2f}" if isinstance(value, float) and value < 100 else f"{value:,.0f}" if isinstance(value, float) else str(value)
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(text(row.get(column, "")) for column in columns) + " |" for name, row in rows.items()]
    return "\n".join(lines)


def write(options, result):
    path = pathlib.Path(options.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(options.threads)} | result, indent=2) + "\n")
    print(f"wrote {path}", file=sys.stderr)
