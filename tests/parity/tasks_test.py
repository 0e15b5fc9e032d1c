"""matlora sweep --task against lm-evaluation-harness on tiny models (tools/golden/lm_eval_tasks.py): every document's log-likelihoods,
answers and metrics, and every task's mean and standard error.

A log-likelihood is a sum of float32 log-probabilities: 5e-6 of it, as for SmolLM2's. Where the two are furthest apart (2.5e-6) lm-eval is
1.4e-6 off its own value in float64, to the one side, and matlora 1.1e-6 to the other.
"""

import parity

MEAN = 1e-12  # of sums of zeros and ones


def metric_name(key: str) -> str:
    """lm-eval's "acc_stderr,none" as matlora writes it: "acc_stderr"; "exact_match_stderr,strict-match": "exact_match,strict-match_stderr"."""
    metric, name = key.split(",")
    kind = "_stderr" if metric.endswith("_stderr") else ""
    return metric.removesuffix("_stderr") + ("" if name == "none" else f",{name}") + kind


def sweep(suite, golden, run, output):
    arguments = ["sweep", "--model", golden / run["model"], "--task-data", golden / "tasks_data", "--seed", run["seed"], "--samples",
                 "--dtype", "float32", "--device", "cpu", "--output", output, "--quiet", "--batch-size", 5]
    names = sorted({"mmlu" if name.startswith("mmlu_") else name for name in run["tasks"]})
    arguments += ["--task", ",".join(names)]
    if "gsm8k" in names:
        arguments += ["--max-new-tokens", run["max_new_tokens"]]
    if run["adapter"]:
        arguments += ["--adapter", golden / run["adapter"], "--ranks", 4]
    for option in ("shots", "limit"):
        if run[option] is not None:
            arguments += [f"--{option}", run[option]]
    suite.matlora(*arguments)
    samples = {}
    for row in parity.common.read_jsonl(output / "samples.jsonl"):
        samples.setdefault(row["task"], {})[row["index"]] = row
    return parity.read_json(output / "sweep.json"), samples


def compare_means(suite, case, got, expected):
    keys = [key for key in expected if "," in key]
    for key in keys:
        value = got[metric_name(key)]
        if expected[key] == "N/A":
            suite.equal(case, key, value, None)
        else:
            suite.close(case, key, [value], [expected[key]], absolute=MEAN)


def compare_task(suite, case, protocol, means, samples, expected):
    suite.equal(case, "version", str(protocol["version"]), str(float(expected["version"])))
    suite.equal(case, "shots", protocol["shots"], expected["shots"])
    suite.equal(case, "n", means["n"], expected["n"])
    compare_means(suite, case, means, expected)
    rows = [samples[reference["index"]] for reference in expected["samples"]]
    suite.equal(case, "metrics", [row["metrics"] for row in rows],
                [{metric_name(key): value for key, value in reference["metrics"].items()} for reference in expected["samples"]])
    if "response" in expected["samples"][0]:
        suite.equal(case, "responses", [row["response"] for row in rows], [reference["response"] for reference in expected["samples"]])
        return
    got = [value for row in rows for value in row["loglikelihoods"]]
    reference = [value for row in expected["samples"] for value, _ in row["loglikelihoods"]]
    suite.close(case, "log-likelihoods", got, reference, relative=5e-6)


def main():
    suite = parity.Suite("tasks")
    golden = parity.golden()
    for number, run in enumerate(parity.read_json(golden / "lm_eval_tasks.json")["runs"]):
        report, samples = sweep(suite, golden, run, suite.tmp / f"run{number}")
        row = report["rows"][-1]
        shots = "own" if run["shots"] is None else run["shots"]
        where = f"{run['model'].split('/')[-1]}{' adapter' if run['adapter'] else ''}, shots {shots}"
        for name, expected in run["tasks"].items():
            compare_task(suite, f"{where}: {name}", report["tasks"][name], row["tasks"][name], samples[name], expected)
        if "mmlu" in run["groups"]:
            compare_means(suite, f"{where}: mmlu", row["tasks"]["mmlu"], run["groups"]["mmlu"])
    suite.finish()


if __name__ == "__main__":
    main()
