"""LoRA, DyLoRA and Matryoshka trained alike, each with its own best learning rate, scored at every rank with both inference gates.

    study.py --data train.jsonl [--test test.jsonl] [--work build/study] [--problems 256] [--rank 16] [--lrs 3e-4,1e-3,3e-3] [--seeds 42,43] [--jobs 2]

Some three hours on two cores. Every method is trained with every learning rate (and further ones, each three times the last, while the best is the
outermost), swept over its ranks on validation problems out of the training file, and the rate with the largest AURAC v2 of token accuracy taken, for
each gate by itself. The winners are trained with every seed and swept on the test file. One thread a process; what is there is not made again, so a run
can be stopped and taken up. Writes tables to the terminal, WORK/study.json, and WORK/mean/NAME/sweep.json for a picture (that of docs is drawn from the tables of docs/benchmarks.md by
bench/figures.py):

    matlora sweep --model M --data test.jsonl --limit 48 --output DIR --compare "LoRA=WORK/mean/lora-paper" ..
"""

import concurrent.futures
import json
import pathlib
import shutil
import statistics
import sys
import threading

import harness

METHODS = {"lora": "LoRA", "dylora": "DyLoRA", "matryoshka": "Matryoshka"}
GATES = {"lora": ["paper", "trained"], "dylora": ["paper"], "matryoshka": ["paper", "trained"]}  # DyLoRA's two are the same
LADDER = ["1e-5", "3e-5", "1e-4", "3e-4", "1e-3", "3e-3", "1e-2", "3e-2", "1e-1"]
MEASURE = "aurac_v2"


class Study:
    """The runs on disk; each is made once, in a temporary folder that is renamed when whole."""

    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.validation = self.work / "validation.jsonl"
        lines = [line for line in pathlib.Path(options.data).read_text(encoding="utf-8").split("\n") if line]
        self.validation.write_text("\n".join(lines[-options.validation:]) + "\n", encoding="utf-8")
        self.locks = {}
        self.lock = threading.Lock()

    def once(self, path, command):
        with self.lock:
            lock = self.locks.setdefault(path, threading.Lock())
        with lock:
            if not path.exists():
                partial = path.with_name(path.name + ".partial")
                shutil.rmtree(partial, ignore_errors=True)
                _, wall, _ = harness.run([*command, "--output", partial, "--threads", 1, "--quiet"], {"OMP_NUM_THREADS": "1"})
                partial.rename(path)
                print(f"{path.name}: {wall:.0f} s", file=sys.stderr, flush=True)
        return path

    def train(self, method, rate, seed):
        options = self.options
        return self.once(self.work / f"{method}-{rate}-{seed}", [
            options.binary, "train", "--model", options.model, "--data", options.data, "--limit", options.problems, "--method", method,
            "--rank", options.rank, "--lr", rate, "--epochs", 1, "--batch-size", 8, "--grad-accum", 1, "--dtype", "float32", "--seed", seed])

    def sweep(self, method, rate, seed, gate, data, limit):
        options = self.options
        adapter = self.train(method, rate, seed)
        path = self.once(self.work / f"{pathlib.Path(data).stem}-{method}-{rate}-{seed}-{gate}", [
            options.binary, "sweep", "--model", options.model, "--adapter", adapter, "--data", data, "--limit", limit, "--dtype", "float32",
            "--inference-gate", gate, "--ranks", ",".join(map(str, self.ranks()))])
        return json.loads((path / "sweep.json").read_text(encoding="utf-8"))

    def ranks(self):
        return [2**i for i in range(self.options.rank.bit_length()) if 2**i <= self.options.rank]

    def validate(self, method, rate):
        """{gate: measure} of the first seed."""
        return {gate: self.sweep(method, rate, self.options.seeds[0], gate, self.validation, 0)[MEASURE] for gate in GATES[method]}


def missing_rate(tried, gates):
    """A rate next to the tried ones that a gate's best, being the outermost, asks for."""
    places = sorted(LADDER.index(rate) for rate in tried)
    for gate in gates:
        best = LADDER.index(max(tried, key=lambda rate: tried[rate][gate]))
        if best == places[-1] and best + 1 < len(LADDER):
            return LADDER[best + 1]
        if best == places[0] and best > 0:
            return LADDER[best - 1]
    return None


def choose(study, pool, rates):
    """{method: {rate: {gate: measure}}}"""
    waiting = {pool.submit(study.validate, method, rate): (method, rate) for rate in rates for method in METHODS}
    grid = {method: {} for method in METHODS}
    while waiting:
        done, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            method, rate = waiting.pop(future)
            grid[method][rate] = future.result()
            if all(other != method for other, _ in waiting.values()):
                more = missing_rate(grid[method], GATES[method])
                if more:
                    waiting[pool.submit(study.validate, method, more)] = (method, more)
    return {method: dict(sorted(rates.items(), key=lambda item: float(item[0]))) for method, rates in grid.items()}


def seed_error(values):
    """The standard error of a mean over seeds; of two it is half of their distance."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def mean_sweep(sweeps):
    """One sweep whose figures are the means of several, with the seeds' standard errors."""
    result = dict(sweeps[0])
    for key in ("aurac_v1", "aurac_v2", "avg"):
        result[key] = statistics.mean(sweep[key] for sweep in sweeps)
    result["rows"] = [dict(rows[0]) | {key: statistics.mean(row[key] for row in rows) for key in ("loss", "token_accuracy", "perplexity")} |
                      {key + "_stderr": seed_error([row[key] for row in rows]) for key in ("loss", "token_accuracy")}
                      for rows in zip(*(sweep["rows"] for sweep in sweeps), strict=True)]
    return result


def finals(study, pool, grid):
    """{(method, gate): (rate, [sweep of each seed])}, on the test problems."""
    options = study.options
    chosen = {(method, gate): max(grid[method], key=lambda rate: grid[method][rate][gate]) for method in METHODS for gate in GATES[method]}
    jobs = {key: [pool.submit(study.sweep, key[0], rate, seed, key[1], options.test, options.test_problems) for seed in options.seeds]
            for key, rate in chosen.items()}
    return {key: (chosen[key], [job.result() for job in futures]) for key, futures in jobs.items()}


def spread(values):
    return f"{statistics.mean(values):.4f} ± {(max(values) - min(values)) / 2:.4f}"


def final_tables(results):
    """Markdown: the mean over the seeds ± half of what lies between the lowest and the highest."""
    names = {key: f"{METHODS[key[0]]}, {key[1]} gate" for key in results}
    columns = [names[key] for key in results]
    first = next(iter(results.values()))[1][0]
    loss, accuracy = {}, {}
    for place, row in enumerate(first["rows"]):
        for table, figure in ((loss, "loss"), (accuracy, "token_accuracy")):
            table[f"{row['rank']}"] = {names[key]: spread([sweep["rows"][place][figure] for sweep in sweeps]) for key, (_, sweeps) in results.items()}
    for key, title in (("aurac_v1", "AURAC v1"), ("aurac_v2", "AURAC v2"), ("avg", "AVG")):
        accuracy[title] = {names[k]: spread([sweep[key] for sweep in sweeps]) for k, (_, sweeps) in results.items()}
    loss["learning rate"] = {names[key]: rate for key, (rate, _) in results.items()}
    return "Loss:\n\n" + harness.table(columns, loss) + "\n\nToken accuracy:\n\n" + harness.table(columns, accuracy)


def main():
    parser = harness.parser(__doc__, "study.json")
    parser.add_argument("--test", help="default: test.jsonl beside --data")
    parser.add_argument("--work", default=str(harness.ROOT / "build/study"))
    parser.add_argument("--problems", type=int, default=256)
    parser.add_argument("--validation", type=int, default=24, help="the last problems of --data")
    parser.add_argument("--test-problems", type=int, default=48)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--lrs", default="3e-4,1e-3,3e-3")
    parser.add_argument("--seeds", default="42,43")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.test = options.test or str(pathlib.Path(options.data).parent / "test.jsonl")
    options.seeds = [int(seed) for seed in options.seeds.split(",")]
    study = Study(options)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        grid = choose(study, pool, options.lrs.split(","))
        results = finals(study, pool, grid)
    for (method, gate), (_, sweeps) in results.items():
        folder = study.work / "mean" / f"{method}-{gate}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sweep.json").write_text(json.dumps(mean_sweep(sweeps), indent=2) + "\n", encoding="utf-8")
    harness.write(options, {"grid": grid, "finals": {f"{m}-{g}": {"rate": rate, "sweeps": sweeps} for (m, g), (rate, sweeps) in results.items()}})
    rates = sorted({rate for rows in grid.values() for rate in rows}, key=float)
    print(f"{MEASURE} on the validation problems:\n\n" + harness.table(rates, {
        f"{METHODS[method]}, {gate} gate": {rate: f"{rows[rate][gate]:.4f}" for rate in rates if rate in rows}
        for method, rows in grid.items() for gate in GATES[method]}) + "\n\n" + final_tables(results))


if __name__ == "__main__":
    main()
