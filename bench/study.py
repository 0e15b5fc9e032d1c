"""What is the best adapter at every rank? Methods trained alike, each with its own best learning rate, and scored at ranks 1, 2, 4, 8, 16.

    study.py --data TRAIN.jsonl [--setting short] [--only nested-half,single-1] [--jobs 2]      train and score what is missing
    study.py --data TRAIN.jsonl --report                                                        the tables, of what is there

Every figure is a line of bench/study_results.jsonl, which is part of the project: what is there is not made again, on this machine or on the next, so
the study can be stopped at any moment and taken up. A contender is trained with each of its learning rates and the setting's first seed and scored on the
last 48 training problems; every form of it (how it is cut) takes the rate with the least mean loss there, is trained with it and every seed, and scored
on the first 48 test problems. One thread a process.
"""

import collections
import fcntl
import json
import os
import pathlib
import shutil
import statistics
import sys
import threading

import harness

RANKS = [1, 2, 4, 8, 16]
RESULTS = harness.ROOT / "bench/study_results.jsonl"


class Contender(collections.namedtuple("Contender", "name title flags forms rates ranks")):
    """A way to train. forms: {name: flags of sweep, or of compress in a tuple}; rates: the learning rates to choose from."""


def contender(name, title, flags, forms, rates, ranks=None):
    return Contender(name, title, flags.split(), forms, rates.split(","), ranks or RANKS)


DEFAULT, ORDERED = {"default": []}, {"ordered": []}
PAPER, TRAINED, RENESTED = {"paper": ["--inference-gate", "paper"]}, {"trained": ["--inference-gate", "trained"]}, {"renested": ("--limit", 48)}
NESTED = "--method nested --nest none --rank 16 "
EARLY = "--rank-weights full:0.85..0.35,1:0.075..0.325,2:0.0375..0.1625 "
MATRYOSHKA = "--method matryoshka --nest none --rank 16 --scaling "
ONE_RANK = "--method lora --nest none --rank "
# The rates of LoRA (cut), DyLoRA and Matryoshka with scaling sqrt were chosen from 3e-4 .. 3e-2 in version 0.1.0 (docs/benchmarks.md).
CONTENDERS = [
    contender("default", "nested, the default", "--rank 16 --rank-weights full:0.85..0.35 --scaling rank", DEFAULT, "5e-3"),
    contender("ordered", "nested, gates not fitted", "--rank 16 --rank-weights full:0.85..0.35 --scaling rank --fit none", ORDERED, "3e-3,5e-3"),
    *(contender(f"single-{rank}", f"LoRA of rank {rank} alone", ONE_RANK + str(rank), PAPER, "3e-3,1e-2", [rank]) for rank in RANKS),
    contender("lora", "LoRA of rank 16", ONE_RANK + "16", PAPER | RENESTED, "1e-2"),
    contender("matryoshka", "Matryoshka", MATRYOSHKA + "sqrt", TRAINED | RENESTED, "3e-3"),
    contender("matryoshka-paper", "Matryoshka, the paper's gate", MATRYOSHKA + "sqrt", PAPER, "1e-2"),
    contender("dylora", "DyLoRA", "--method dylora --nest none --rank 16", PAPER, "3e-3"),
    contender("half", "nested, full 1/2", "--rank 16 --rank-weights full:0.5 --scaling rank --fit none", ORDERED, "5e-3"),
    contender("dylora-constant", "DyLoRA, constant scale", "--method dylora --nest none --rank 16 --mask constant", TRAINED, "3e-3,1e-2"),
    contender("matryoshka-rank", "Matryoshka, scaling rank", MATRYOSHKA + "rank", PAPER | TRAINED | RENESTED, "3e-3,1e-2"),
    contender("matryoshka-none", "Matryoshka, scaling none", MATRYOSHKA + "none", PAPER | TRAINED | RENESTED, "3e-4,1e-3"),
]
# Tried on the validation problems with one seed, to find what is worth more.
LEADS = [
    contender("nested-half", "nested, full 1/2, scaling sqrt", NESTED + "--rank-weights full:0.5 --scaling sqrt", TRAINED | RENESTED, "3e-3"),
    contender("kaiming", "nested, full 1/2, init kaiming, scaling sqrt", NESTED + "--rank-weights full:0.5 --init kaiming --scaling sqrt", TRAINED, "3e-3,1e-2"),
    contender("ends", "nested, full 0.6, rank 1 0.2, rank 2 0.1, scaling sqrt", NESTED + "--rank-weights full:0.6,1:0.2,2:0.1 --scaling sqrt", TRAINED, "3e-3"),
    contender("kaiming-1", "LoRA of rank 1, init kaiming", ONE_RANK + "1 --init kaiming", PAPER, "3e-3", [1]),
    contender("early-rank", "nested, full 0.85 to 0.35, ranks 1 and 2 a half and a quarter of the rest, scaling rank", NESTED + EARLY + "--scaling rank", TRAINED, "5e-3,1e-2"),
    contender("half-rank", "nested, full 1/2, scaling rank", NESTED + "--rank-weights full:0.5 --scaling rank", TRAINED, "5e-3"),
]
SETTINGS = {
    "short": {"title": "256 problems, 32 steps", "limit": 256, "seeds": [42, 43, 44]},
    "instructions": {"title": "256 instructions (bench/instructions.py), 32 steps", "limit": 256, "seeds": [42, 43]},
    "long": {"title": "2,000 problems, 300 steps", "limit": 2000, "steps": 300, "seeds": [42, 43]},
}
Key = collections.namedtuple("Key", "setting contender rate seed form on")


class Results:
    """The lines of the file; several studies may add to it at once."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.lock = threading.Lock()

    def read(self):
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        rows = [json.loads(line) for line in lines if line]
        return {Key(*(row[field] for field in Key._fields)): row for row in rows}

    def add(self, key, figures):
        with self.lock, self.path.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(key._asdict() | figures) + "\n")


def mean_loss(row):
    return statistics.mean(figures[1] for figures in row["rows"])


def chosen_rate(results, setting, seed, one, form):
    """The rate with the least mean loss over the ranks on the validation problems; None while one is missing."""
    losses = {}
    for rate in one.rates:
        row = results.get(Key(setting, one.name, rate, seed, form, "validation"))
        if row is None and len(one.rates) > 1:
            return None
        losses[rate] = mean_loss(row) if row else 0
    return min(losses, key=losses.get)


def wanted(results, setting, contenders, leads):
    """[Key] that are missing, leads first; a contender's finals come when its rates are known."""
    first, *_ = seeds = SETTINGS[setting]["seeds"]
    keys = [Key(setting, one.name, rate, first, form, "validation") for one in leads for rate in one.rates for form in one.forms]
    for one in contenders:
        for form in one.forms:
            if len(one.rates) > 1:
                keys += [Key(setting, one.name, rate, first, form, "validation") for rate in one.rates]
            rate = chosen_rate(results, setting, first, one, form)
            keys += [Key(setting, one.name, rate, seed, form, "test") for seed in seeds if rate]
    return [key for key in keys if key not in results]


class Study:
    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.validation = self.work / "validation.jsonl"
        lines = [line for line in pathlib.Path(options.data).read_text(encoding="utf-8").split("\n") if line]
        self.validation.write_text("\n".join(lines[-48:]) + "\n", encoding="utf-8")
        names = options.only.split(",") if options.only else [one.name for one in CONTENDERS + LEADS]
        self.contenders = [one for one in CONTENDERS if one.name in names]
        self.leads = [one for one in LEADS if one.name in names] if options.setting == "short" else []
        self.results = Results(RESULTS)
        self.claimed, self.lock = set(), threading.Lock()

    def once(self, name, command):
        """A folder that a command makes, renamed when whole."""
        path = self.work / name
        if not path.exists():
            partial = path.with_name(name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            _, wall, _ = harness.run([*command, "--output", partial, "--threads", 1, "--quiet"], {"OMP_NUM_THREADS": "1"})
            partial.rename(path)
            print(f"{name}: {wall:.0f} s", file=sys.stderr, flush=True)
        return path

    def train(self, one, key):
        options, setting = self.options, SETTINGS[key.setting]
        length = ["--max-steps", setting["steps"]] if "steps" in setting else ["--epochs", 1]
        return self.once(f"{key.setting}-{one.name}-{key.rate}-{key.seed}", [
            options.binary, "train", "--model", options.model, "--data", options.data, "--limit", setting["limit"], *one.flags, "--lr", key.rate,
            *length, "--batch-size", 8, "--grad-accum", 1, "--dtype", "float32", "--seed", key.seed])

    def sweep(self, one, key):
        options = self.options
        adapter, flags = self.train(one, key), one.forms[key.form]
        if isinstance(flags, tuple):
            adapter, flags = self.once(f"{adapter.name}-{key.form}", [
                options.binary, "compress", "--adapter", adapter, "--model", options.model, "--calibrate", options.data, *flags,
                "--dtype", "float32"]), []
        data = self.validation if key.on == "validation" else options.test
        path = self.once(f"{key.on}-{key.setting}-{one.name}-{key.rate}-{key.seed}-{key.form}", [
            options.binary, "sweep", "--model", options.model, "--adapter", adapter, "--data", data, "--limit", 48, "--dtype", "float32", *flags,
            "--ranks", ",".join(map(str, one.ranks))])
        sweep = json.loads((path / "sweep.json").read_text(encoding="utf-8"))
        rows = [[row["rank"], round(row["loss"], 6), round(row["token_accuracy"], 6)] for row in sweep["rows"]]
        self.results.add(key, {"rows": rows} | {name: round(sweep[name], 6) for name in ("aurac_v1", "aurac_v2", "avg")})

    def next(self):
        """The missing sweeps of one training that nobody makes."""
        with self.lock:
            keys = wanted(self.results.read(), self.options.setting, self.contenders, self.leads)
            free = [key for key in keys if key[:4] not in self.claimed]
            if not free:
                return []
            self.claimed.add(free[0][:4])
            return [key for key in free if key[:4] == free[0][:4]]

    def work_on(self):
        """One worker: a training and its sweeps after the other. Ends the program where one fails."""
        try:
            self.work_through()
        except SystemExit as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)

    def work_through(self):
        while keys := self.next():
            one = next(one for one in self.leads + self.contenders if one.name == keys[0].contender)
            for key in keys:
                self.sweep(one, key)
            with self.lock:
                self.claimed.discard(keys[0][:4])


def final_columns(results, setting, contenders):
    """{column: {rank: [row of each seed]}} and {column: rate}; LoRAs of one rank each are one column."""
    seeds, columns, rates = SETTINGS[setting]["seeds"], {}, {}
    for one in contenders:
        for form in one.forms:
            rate = chosen_rate(results, setting, seeds[0], one, form)
            rows = [results.get(Key(setting, one.name, rate, seed, form, "test")) for seed in seeds]
            rows = [row for row in rows if row]
            if not rows:
                continue
            alone = len(one.ranks) == 1
            name = "LoRA for this rank alone" if alone else one.title if len(one.forms) == 1 or form == "default" else f"{one.title}, {form}"
            columns.setdefault(name, {}).update({rank: rows for rank in one.ranks})
            rates.setdefault(name, []).append(rate)
    return columns, rates


def spread(values, digits):
    """The mean, and the standard error of it over seeds."""
    error = f" ± {statistics.stdev(values) / len(values) ** 0.5:.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{error}"


def report(results, setting, contenders):
    """Markdown: a row for each rank, the areas, the learning rates and the number of seeds."""
    columns, rates = final_columns(results, setting, contenders)
    def figures(figure, digits):
        return {f"{rank}": {name: spread([{r: values for r, *values in row["rows"]}[rank][figure] for row in by_rank[rank]], digits)
                            for name, by_rank in columns.items() if rank in by_rank} for rank in RANKS}
    rows = figures(0, 3)
    rows["learning rate"] = {name: ", ".join(dict.fromkeys(rate)) for name, rate in rates.items()}
    rows["seeds"] = {name: min(len(runs) for runs in by_rank.values()) for name, by_rank in columns.items()}
    accuracy = figures(1, 4)
    for key, title in (("aurac_v1", "AURAC v1"), ("aurac_v2", "AURAC v2")):
        accuracy[title] = {name: spread([row[key] for row in by_rank[RANKS[0]]], 4) for name, by_rank in columns.items()
                           if name != "LoRA for this rank alone" and RANKS[0] in by_rank}
    named = lambda table: table.replace("| |", "| rank |", 1)
    return "Loss:\n\n" + named(harness.table([*columns], rows)) + "\n\nToken accuracy:\n\n" + named(harness.table([*columns], accuracy))


def validation_table(results, setting, contenders):
    """Markdown: the losses that rates are chosen by, and those of the leads."""
    names = {one.name: one for one in contenders}
    rows = {f"{names[key.contender].title}, {key.form}, {key.rate}": {str(rank): f"{loss:.4f}" for rank, loss, *_ in row["rows"]}
            for key, row in results.items() if key.setting == setting and key.on == "validation" and key.contender in names}
    return harness.table([*map(str, RANKS)], rows)


def main():
    parser = harness.parser(__doc__, "study.json")
    parser.add_argument("--test", help="default: test.jsonl beside --data")
    parser.add_argument("--work", default=str(harness.ROOT / "build/study"), help="adapters and sweeps")
    parser.add_argument("--setting", default="short", choices=SETTINGS)
    parser.add_argument("--only", help="contenders, with commas: " + ", ".join(one.name for one in CONTENDERS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--report", action="store_true", help="only the tables of what is there")
    options = parser.parse_args()
    options.test = options.test or str(pathlib.Path(options.data).parent / "test.jsonl")
    study = Study(options)
    if not options.report:
        workers = [threading.Thread(target=study.work_on) for _ in range(options.jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    results = study.results.read()
    print("On the test problems, mean and standard error over seeds.\n\n" + report(results, options.setting, study.contenders))
    print("\nLoss on the validation problems, the first seed:\n\n" + validation_table(results, options.setting, study.contenders + study.leads))


if __name__ == "__main__":
    main()
