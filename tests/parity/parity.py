"""Helpers of the parity tests: where things are, calling the binary, records, and comparing with a summary of the worst deviation.

Run `.venv-ref/bin/python tests/parity/NAME_test.py build/release/matlora`. Exit 0 passed, 1 failed, 77 a prerequisite is missing.
Environment: MATLORA_GOLDEN a directory that tools/golden/make.py filled (default build/golden, made when needed);
MATLORA_KEEP=1 keeps what the binary wrote.
"""

import atexit
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "golden"))
SKIP = 77


def skip(why: str):
    print(f"skipped: {why}")
    sys.exit(SKIP)


try:
    import common
    import peft  # noqa: F401
    import safetensors  # noqa: F401
    import tokenizers  # noqa: F401
    import torch
    import transformers  # noqa: F401
except ImportError as error:
    skip(f"the reference environment lacks {error.name}")


class Suite:
    """Collects comparisons and prints one table at the end."""

    def __init__(self, name: str):
        if len(sys.argv) != 2:
            sys.exit(f"usage: {pathlib.Path(sys.argv[0]).name} BINARY")
        self.binary = pathlib.Path(sys.argv[1]).resolve()
        if not self.binary.exists():
            skip(f"no binary at {self.binary}")
        common.set_threads()
        self.name, self.rows = name, []
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix=f"matlora-{name}-"))
        if not os.environ.get("MATLORA_KEEP"):
            atexit.register(shutil.rmtree, self.tmp, ignore_errors=True)

    def matlora(self, *arguments, threads=2) -> str:
        """Runs the binary; returns stdout. Any other exit code than 0 ends the test."""
        command = [str(self.binary), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=os.environ | {"OMP_NUM_THREADS": str(threads)})
        if done.returncode != 0:
            print(f"FAILED (exit {done.returncode}): {' '.join(command)}\n{done.stderr[-3000:]}")
            sys.exit(1)
        return done.stdout

    def close(self, case: str, what: str, got, expected, relative=0.0, absolute=0.0) -> None:
        """Elementwise |got - expected| <= absolute + relative |expected|, over sequences of equal length."""
        got, expected = list(got), list(expected)
        if len(got) != len(expected):
            self.rows.append((case, what, False, f"{len(got)} values, expected {len(expected)}"))
            return
        excess, where = max(
            ((abs(g - e) / max(absolute + relative * abs(e), 1e-300), i) for i, (g, e) in enumerate(zip(got, expected))), default=(0, 0))
        ok = all(abs(g - e) <= absolute + relative * abs(e) for g, e in zip(got, expected))
        limit = relative or absolute
        text = f"worst {excess * limit:.1e} of {limit:.0e}"
        self.rows.append((case, what, ok, text if ok else f"{text} at [{where}]: got {got[where]!r}, expected {expected[where]!r}"))

    def equal(self, case: str, what: str, got, expected) -> None:
        detail = "equal"
        if got != expected:
            if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
                i = next(i for i, (g, e) in enumerate(zip(got, expected)) if g != e)
                detail = f"{sum(g != e for g, e in zip(got, expected))} of {len(got)} differ, first [{i}]: got {got[i]!r}, expected {expected[i]!r}"
            else:
                detail = f"got {got!r}, expected {expected!r}"
        self.rows.append((case, what, got == expected, detail[:600]))

    def frobenius(self, case: str, what: str, got: dict, expected: dict, limit: float) -> None:
        """Every tensor of `expected` is in `got` and |got - expected| <= limit |expected| in the Frobenius norm."""
        if set(got) != set(expected):
            self.rows.append((case, what, False, f"names differ: {sorted(set(got) ^ set(expected))[:4]}"))
            return
        worst, where = max(((got[key].double() - expected[key].double()).norm() / expected[key].double().norm(), key) for key in expected)
        self.rows.append((case, what, bool(worst <= limit), f"worst {worst:.1e} of {limit:.0e}" + ("" if worst <= limit else f" in {where}")))

    def finish(self) -> None:
        width = max((len(f"{case} {what}") for case, what, _, _ in self.rows), default=0)
        for case, what, ok, detail in self.rows:
            print(f"{'ok  ' if ok else 'FAIL'} {f'{case} {what}':<{width}}  {detail}")
        failed = sum(not ok for _, _, ok, _ in self.rows)
        print(f"{self.name}: {len(self.rows) - failed} of {len(self.rows)} comparisons hold")
        sys.exit(1 if failed or not self.rows else 0)


def golden() -> pathlib.Path:
    """The golden directory, made when it is not there or its scripts changed."""
    out = pathlib.Path(os.environ.get("MATLORA_GOLDEN", ROOT / "build" / "golden"))
    made = subprocess.run([sys.executable, str(ROOT / "tools" / "golden" / "make.py"), str(out)], capture_output=True, text=True)
    if made.returncode != 0 and not (out / "models" / "sharded").exists():
        sys.exit(f"tools/golden/make.py failed:\n{made.stderr[-3000:]}")
    return out


def word_problems(count: int, seed: int = 1) -> list:
    """GSM8K-like records, short enough for the tiny models' 256 positions."""
    import random

    pick = random.Random(seed)
    names, things = ["Natalia", "Weng", "Betty", "Zoë", "李雷"], ["clips", "wallets", "café cups", "books", "pens"]
    records = []
    for _ in range(count):
        name, thing, a, b = pick.choice(names), pick.choice(things), pick.randint(2, 60), pick.randint(2, 30)
        if pick.random() < 0.5:
            question = f"{name} sold {a} {thing} in April and {b} in May. How many altogether?"
            answer = f"{name} sold {a}+{b} = <<{a}+{b}={a + b}>>{a + b} {thing}.\n#### {a + b}"
        else:
            question = f"{name} earns ${a} an hour. How much does she earn in {b} hours?"
            answer = f"She earned {a}*{b} = $<<{a}*{b}={a * b}>>{a * b}.\nThat is all.\n#### {a * b}"
        records.append({"question": question, "answer": answer})
    return records


def read_samples(directory) -> dict:
    """samples.jsonl of a sweep: rank -> {index -> (tokens, nll)}."""
    samples = {}
    for row in common.read_jsonl(pathlib.Path(directory) / "samples.jsonl"):
        samples.setdefault(row["rank"], {})[row["index"]] = (row["tokens"], row["nll"])
    return samples


def samples_at(samples: dict, rank: int):
    """(label token counts, nll) in the order of the examples."""
    rows = [samples.get(rank, {})[index] for index in sorted(samples.get(rank, {}))]
    return [tokens for tokens, _ in rows], [nll for _, nll in rows]


def read_json(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def peft_nll(model_dir, adapter_dir, examples) -> list:
    """Per example sum of label token losses, by transformers and PEFT in float32."""
    import train_reference

    model = peft.PeftModel.from_pretrained(common.load_model(model_dir), str(adapter_dir)).eval()
    with torch.no_grad():
        return [train_reference.token_losses(model, ids, labels)[0].double().sum().item() for ids, labels in examples]
