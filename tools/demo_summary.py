#!/usr/bin/env python3
"""What tools/demo.sh shows of its results. Only the standard library.

demo_summary.py table SWEEP.csv      every adapter's loss and token accuracy by rank, and what that says
demo_summary.py answer DATA.jsonl    the first record, the answer on stdin (a line of generate --prompts)
demo_summary.py --check              checks the sentence on made-up figures
"""
import csv
import json
import sys


def read_sweep(path):
    """{adapter: {rank: (loss, token accuracy)}}, in the file's order."""
    sweeps = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ranks = sweeps.setdefault(row.get("sweep", "adapter"), {})
            ranks[int(row["rank"])] = (float(row["loss"]), float(row["token_accuracy"]))
    return sweeps


def print_table(sweeps):
    width = max(24, *(len(name) + 2 for name in sweeps))
    print("\nrank" + "".join(f"{name:>{width}}" for name in sweeps))
    print("    " + "".join(f"{'loss  token accuracy':>{width}}" for _ in sweeps))
    for rank in sorted({rank for ranks in sweeps.values() for rank in ranks}):
        cells = [f"{ranks[rank][0]:.3f}  {ranks[rank][1]:14.4f}" if rank in ranks else "" for ranks in sweeps.values()]
        print(f"{rank:<4}" + "".join(f"{cell:>{width}}" for cell in cells))


def and_list(items):
    items = [str(item) for item in items]
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def sentences(sweeps):
    """Which adapter has the smallest loss at which rank, and what the smaller ranks keep of the gain."""
    ranks = sorted({rank for ranks in sweeps.values() for rank in ranks} - {0})
    winners = {}  # adapter: the ranks where its loss is the smallest
    for rank in ranks:
        name = min((name for name in sweeps if rank in sweeps[name]), key=lambda name: sweeps[name][rank][0])
        winners.setdefault(name, []).append(rank)
    parts = [f"{name} at rank{'s' if len(at) > 1 else ''} {and_list(at)}" for name, at in winners.items()]
    yield "Smallest loss: " + "; ".join(parts) + "."
    name = list(sweeps)[-1]
    curve = sweeps[name]
    full, base = max(curve), curve.get(0)
    if base is None:
        return
    if curve[full][0] >= base[0]:
        yield f"{name} at its full rank {full} does not lower the base model's loss ({base[0]:.3f}) with so few records."
        return
    best = min((rank for rank in ranks if rank in curve), key=lambda rank: curve[rank][0])
    if best != full and base[0] - curve[best][0] > 1.02 * (base[0] - curve[full][0]):
        yield (f"{name} lowers the base model's loss from {base[0]:.3f} to {curve[best][0]:.3f} at rank {best}, and less at its "
               f"full rank {full} ({curve[full][0]:.3f}).")
        return
    kept = [(rank, (base[0] - curve[rank][0]) / (base[0] - curve[full][0])) for rank in ranks if rank in curve and rank != full]
    sentence = f"{name} lowers the base model's loss from {base[0]:.3f} to {curve[full][0]:.3f} at rank {full}"
    if kept:
        sentence += (f"; cut to rank {and_list(rank for rank, _ in kept)} it keeps {and_list(f'{share:.0%}' for _, share in kept)} of that gain")
    yield sentence + "."


def table(path):
    sweeps = read_sweep(path)
    print_table(sweeps)
    print()
    for sentence in sentences(sweeps):
        print(sentence)
    print("A small model, few records, one seed: a demonstration. docs/benchmarks.md has measurements.")


def indented(text):
    """Line by line; a line that is repeated is shown once."""
    shown, times = [], []
    for line in str(text).strip().splitlines():
        if shown and shown[-1] == line:
            times[-1] += 1
        else:
            shown.append(line)
            times.append(1)
    return "\n".join(f"    {line}" + (f"    ({n} times)" if n > 1 else "") for line, n in zip(shown, times))


def answer(path):
    with open(path, encoding="utf-8-sig") as file:
        record = json.loads(next(line for line in file if line.strip()))
    question = record.get("question", record.get("prompt"))
    right = record.get("answer", record.get("completion"))
    given = json.loads(sys.stdin.readline())["text"]
    print(f"\nA test record:\n{indented(question)}\nRank 4 answers:\n{indented(given)}")
    if right is not None:
        print(f"The right answer:\n{indented(right)}")


def check():
    a = {0: (2.0, 0.5), 1: (1.5, 0.6), 2: (1.4, 0.6), 4: (1.3, 0.6)}
    b = {0: (2.0, 0.5), 1: (1.6, 0.6), 2: (1.2, 0.6), 4: (1.0, 0.7)}
    got = list(sentences({"A": a, "B": b}))
    assert got[0] == "Smallest loss: A at rank 1; B at ranks 2 and 4.", got
    assert got[1].endswith("from 2.000 to 1.000 at rank 4; cut to rank 1 and 2 it keeps 40% and 80% of that gain."), got
    worse = list(sentences({"A": {0: (1.0, 0.5), 1: (1.2, 0.4), 2: (1.1, 0.4)}}))
    assert worse[0] == "Smallest loss: A at ranks 1 and 2." and "does not lower" in worse[1], worse
    early = list(sentences({"A": {0: (2.0, 0.5), 1: (1.5, 0.6), 2: (1.8, 0.6)}}))
    assert "to 1.500 at rank 1, and less at its full rank 2 (1.800)." in early[1], early
    assert indented("a\nb\nb\n") == "    a\n    b    (2 times)"
    print("ok")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        check()
    elif len(sys.argv) == 3 and sys.argv[1] in ("table", "answer"):
        {"table": table, "answer": answer}[sys.argv[1]](sys.argv[2])
    else:
        sys.exit(__doc__)
