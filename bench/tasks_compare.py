"""Task evaluation side by side: lm-evaluation-harness with PEFT, a run for every rank, and one `matlora sweep` over all of them.

    tasks_compare.py --data train.jsonl [--problems 16] [--items 100] [--ranks 1,2,4,8,16,32] [--batch-size 8] [--repeats 1]

Run it with .venv-ref's Python, on an idle machine; half an hour. GSM8K (5 shots, 128 new tokens) from the folder of --data, hellaswag's
items of our own (tools/task_data.py); float32. A sweep by lm-eval is one process for every slice of the adapter (PEFT directories that
`matlora slice` writes), as its command line does it; --peers 1 measures one of them and multiplies.
"""

import json
import os
import pathlib
import sys
import tempfile

import harness
import tasks_agree

TASKS = {"gsm8k": lambda o: ["gsm8k", "--limit", o.problems, "--max-new-tokens", 128], "hellaswag": lambda o: ["hellaswag", "--limit", o.items]}


def lm_eval(options, data, slices, task):
    """All ranks of `slices`, one process after the other."""
    walls, peaks = [], []
    for adapter in slices:
        _, wall, peak = harness.run([sys.executable, harness.ROOT / "tools/golden/lm_eval_reference.py", "--model", options.model, "--peft", adapter,
                                     "--task-data", data, "--tasks", *TASKS[task](options), "--threads", options.threads,
                                     "--batch-size", options.batch_size, "--output", os.devnull])
        walls.append(wall)
        peaks.append(peak)
    return {"wall_s": sum(walls), "peak_rss_mib": max(peaks)}


def matlora(options, data, adapter, ranks, task):
    with tempfile.TemporaryDirectory() as directory:
        _, wall, peak = harness.run([options.binary, "sweep", "--model", options.model, "--adapter", adapter, "--ranks", ",".join(map(str, ranks)),
                                     "--task-data", data, "--task", *TASKS[task](options), "--batch-size", options.batch_size,
                                     "--output", pathlib.Path(directory) / "out",
                                     "--dtype", "float32", "--device", "cpu", "--threads", options.threads, "--quiet"])
    return {"wall_s": wall, "peak_rss_mib": peak}


def make_adapter(options, directory, ranks):
    adapter = pathlib.Path(directory) / "adapter"
    harness.run([options.binary, "train", "--model", options.model, "--data", options.data, "--output", adapter, "--rank", max(ranks),
                 "--limit", 32, "--batch-size", 8, "--grad-accum", 1, "--max-steps", 4, "--lr", 1e-3, "--dtype", "float32", "--quiet"])
    slices = []
    for rank in ranks:
        slices.append(pathlib.Path(directory) / f"rank{rank}")
        harness.run([options.binary, "slice", "--adapter", adapter, "--rank", rank, "--output", slices[-1], "--quiet"])
    return adapter, slices


def main():
    parser = harness.parser(__doc__, "tasks.json")
    parser.set_defaults(repeats=1)
    parser.add_argument("--problems", type=int, default=16)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--ranks", default="1,2,4,8,16,32")
    parser.add_argument("--batch-size", type=int, default=8, help="of both")
    parser.add_argument("--peers", type=int, default=0, help="how many ranks lm-eval runs, the time of the others being the same; 0: all")
    options = parser.parse_args()
    ranks = [int(rank) for rank in options.ranks.split(",")]
    with tempfile.TemporaryDirectory() as directory:
        data = tasks_agree.make_data(options, directory)
        adapter, slices = make_adapter(options, directory, ranks)
        runners, run_slices = {}, slices[: options.peers or None]
        for task in TASKS:
            runners |= {f"{task}: lm-eval, one rank": lambda task=task: lm_eval(options, data, slices[-1:], task),
                        f"{task}: matlora, one rank": lambda task=task: matlora(options, data, adapter, ranks[-1:], task),
                        f"{task}: lm-eval, {len(run_slices)} ranks": lambda task=task: lm_eval(options, data, run_slices, task),
                        f"{task}: matlora, {len(ranks)} ranks": lambda task=task: matlora(options, data, adapter, ranks, task)}
        runs = harness.interleave(runners, options.repeats, "wall_s")
    middle = harness.medians(runs)
    for task in TASKS:
        theirs, ours = middle[f"{task}: lm-eval, {len(run_slices)} ranks"], middle[f"{task}: matlora, {len(ranks)} ranks"]
        ours["times faster"] = theirs["wall_s"] * len(ranks) / len(run_slices) / ours["wall_s"]
        ours["of its memory"] = ours["peak_rss_mib"] / theirs["peak_rss_mib"]
        one = middle[f"{task}: matlora, one rank"]
        one["times faster"] = middle[f"{task}: lm-eval, one rank"]["wall_s"] / one["wall_s"]
        one["of its memory"] = one["peak_rss_mib"] / middle[f"{task}: lm-eval, one rank"]["peak_rss_mib"]
    harness.write(options, {"problems": options.problems, "items": options.items, "ranks": ranks, "medians": middle, "runs": runs})
    print(harness.table(["wall_s", "peak_rss_mib", "times faster", "of its memory"], middle))


if __name__ == "__main__":
    main()
