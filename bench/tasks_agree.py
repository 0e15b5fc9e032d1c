"""Per-document decisions of `matlora sweep --task` against lm-evaluation-harness on a real model: how many are the same.

    tasks_agree.py --data train.jsonl --task-data DIR [--items 200] [--problems 100] [--peft DIR] [--reference DIR]

Run it with .venv-ref's Python; an hour or two. lm-eval (tools/golden/lm_eval_reference.py) writes DIR/base_gsm8k.json,
DIR/base_choices.json and slice_..., which are kept: a file that is there is not made again. --task-data: docs/tasks.md; without it items of our own
(tools/task_data.py) and GSM8K from the folder of --data. --peft: a plain PEFT adapter, such as `matlora slice` writes, scored too.
Writes build/bench/tasks_agree.json with every document that differs, its log-likelihoods beside lm-eval's.
"""

import json
import pathlib
import sys
import tempfile

import harness

CHOICES = "arc_easy,arc_challenge,hellaswag,winogrande,mmlu,piqa,openbookqa,boolq"
TIE = 1e-3  # nats: of sums of float32 log-probabilities, a difference that rounding may turn over


def make_data(options, directory):
    """A folder of our own items beside GSM8K's."""
    data = pathlib.Path(directory) / "data"
    harness.run([sys.executable, harness.ROOT / "tools/task_data.py", data, "--items", options.items])
    for path in (data / "gsm8k").iterdir():
        path.unlink()
    for path in pathlib.Path(options.data).resolve().parent.glob("*.jsonl"):
        (data / "gsm8k" / path.name).symlink_to(path)
    return data


def flags(options, kind):
    if kind == "gsm8k":
        return ["gsm8k", "--limit", options.problems, "--max-new-tokens", options.new_tokens]
    return [CHOICES, "--limit", options.items]


def reference(options, data, kind, adapter):
    path = pathlib.Path(options.reference) / f"{'slice' if adapter else 'base'}_{kind}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        harness.run([sys.executable, harness.ROOT / "tools/golden/lm_eval_reference.py", "--model", options.model, "--task-data", data,
                     "--tasks", *flags(options, kind), "--threads", options.threads, "--batch-size", 16, "--output", path,
                     *(["--peft", adapter] if adapter else [])])
    return json.loads(path.read_text(encoding="utf-8"))


def matlora(options, data, kind, adapter):
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out"
        harness.run([options.binary, "sweep", "--model", options.model, "--task-data", data, "--task", *flags(options, kind), "--samples",
                     "--output", out, "--dtype", "float32", "--device", "cpu", "--threads", options.threads, "--quiet", "--any-base",
                     *(["--adapter", adapter, "--ranks", rank_of(adapter)] if adapter else [])])
        rows = json.loads((out / "sweep.json").read_text(encoding="utf-8"))["rows"][-1]["tasks"]
        samples = {}
        for line in (out / "samples.jsonl").read_text(encoding="utf-8").split("\n"):
            if line:
                sample = json.loads(line)
                samples[sample["task"], sample["index"]] = sample
    return rows, samples


def rank_of(adapter):
    return json.loads((pathlib.Path(adapter) / "adapter_config.json").read_text(encoding="utf-8"))["r"]


def plain(metrics):
    """lm-eval's "acc,none" as matlora's "acc"."""
    return {key.removesuffix(",none"): value for key, value in metrics.items()}


def compare(expected, rows, samples):
    """{task: figures}, and the documents that differ."""
    report, different = {}, []
    for name, task in expected["tasks"].items():
        worst, same, texts = 0.0, 0, 0
        for theirs in task["samples"]:
            ours = samples[name, theirs["index"]]
            equal = ours["metrics"] == plain(theirs["metrics"])
            same += equal
            texts += ours.get("response") == theirs.get("response")
            pairs = list(zip(ours.get("loglikelihoods", []), (pair[0] for pair in theirs.get("loglikelihoods", [])), strict=True))
            worst = max([worst, *(abs(a - b) for a, b in pairs)])
            if not equal:
                different.append({"task": name, "index": theirs["index"], "matlora": ours, "lm_eval": theirs})
        report[name] = {"documents": task["n"], "same decisions": same, "worst log-likelihood": f"{worst:.1e}", "same texts": texts if not worst else "",
                        **{key: f"{rows[name][key]:.4f} / {value:.4f}" for key, value in plain({k: v for k, v in task.items() if "," in k}).items()
                           if key in rows[name]}}
    return report, different


def is_tie(item):
    """Whether the two likeliest choices, or those per character, are as near as rounding."""
    values = sorted((pair[0] for pair in item["lm_eval"].get("loglikelihoods", [])), reverse=True)
    return len(values) > 1 and values[0] - values[1] < TIE


def main():
    parser = harness.parser(__doc__, "tasks_agree.json")
    parser.add_argument("--task-data")
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--kinds", default="gsm8k,choices")
    parser.add_argument("--peft")
    parser.add_argument("--reference", default=str(harness.ROOT / "build/bench/lm_eval"))
    options = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as directory:
        data = options.task_data or make_data(options, directory)
        for adapter in (None, options.peft) if options.peft else (None,):
            for kind in options.kinds.split(","):
                expected = reference(options, data, kind, adapter)
                report, different = compare(expected, *matlora(options, data, kind, adapter))
                result[f"{'slice' if adapter else 'base'} {kind}"] = {"tasks": report, "different": different}
                print(harness.table(["documents", "same decisions", "worst log-likelihood", "same texts", "acc", "acc_norm",
                                     "exact_match,strict-match", "exact_match,flexible-extract"],
                                    {f"{name}{', slice' if adapter else ''}": row for name, row in report.items()}), flush=True)
                for item in different:
                    print(f"differs: {item['task']} {item['index']}{' (a tie)' if is_tie(item) else ''}")
    harness.write(options, result)


if __name__ == "__main__":
    main()
