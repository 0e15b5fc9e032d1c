"""A teacher-forced sweep of six ranks and the base beside one pass over the data, and beside its matrix products alone (replay.cpp):
those of the model without an adapter, since a rank is added into the weights before its pass.

    sweep_compare.py --data train.jsonl [--limit 32] [--repeats 3]

Run it with .venv-ref's Python, on an idle machine.
"""

import json
import os
import tempfile

import harness

RANKS = [0, 1, 2, 4, 8, 16, 32]


def sweep(options, adapter, ranks):
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out")
        _, wall, peak = harness.run([options.binary, "sweep", "--model", options.model, "--adapter", adapter, "--data", options.data,
                                     "--limit", options.limit, "--ranks", ",".join(map(str, ranks)), "--output", out, "--dtype", "float32",
                                     "--device", "cpu", "--threads", options.threads, "--quiet"])
        with open(os.path.join(out, "sweep.json"), encoding="utf-8") as file:
            rows = json.load(file)["rows"]
    return {"seconds": sum(row["seconds"] for row in rows), "peak_rss_mib": peak, "wall_s": wall}


def main():
    parser = harness.parser(__doc__, "sweep.json")
    parser.add_argument("--limit", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        adapter = os.path.join(directory, "adapter")
        harness.run([options.binary, "train", "--model", options.model, "--data", options.data, "--output", adapter, "--rank", 32,
                     "--limit", 1, "--batch-size", 1, "--grad-accum", 1, "--max-steps", 1, "--dtype", "float32", "--quiet"])
        runners = {"one pass": lambda: sweep(options, adapter, [0]), "sweep": lambda: sweep(options, adapter, RANKS)}
        runners["replay"] = lambda: harness.replay(options, 0, 1, "forward")
        runs = harness.interleave(runners, options.repeats, "seconds")
    middle = harness.medians(runs)
    products = len(RANKS) * middle["replay"]["seconds"]
    ratios = {"sweep over one pass": middle["sweep"]["seconds"] / middle["one pass"]["seconds"],
              "products over sweep": products / middle["sweep"]["seconds"]}
    harness.write(options, {"limit": options.limit, "ranks": RANKS, "medians": middle, "ratios": ratios, "runs": runs})
    print(harness.table(["seconds", "peak_rss_mib"], middle))
    print(*(f"{name}: {value:.3f}" for name, value in ratios.items()), sep="\n")


if __name__ == "__main__":
    main()
