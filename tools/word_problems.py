#!/usr/bin/env python3
"""Arithmetic word problems in GSM8K's form, for a demo without the network.

word_problems.py --count N --seed S > problems.jsonl    the same N and S give the same bytes
word_problems.py --check                                tests the templates

A record is {"question", "answer"}: one line of reasoning per step with `<<expression=value>>`
before the value, then `#### value`. All numbers are whole and positive.
"""
import argparse
import json
import random
import re
import sys

NAMES = ("Ada Ben Carla Dev Elif Farid Grace Hana Igor June Kofi Lena Mateo Nia Omar Priya Quinn Rosa "
         "Sven Tara Uma Victor Wen Yusuf Zoe").split()
FRUIT = "apples pears plums oranges peaches lemons".split()
THINGS = "marbles stickers shells stamps beads coins".split()
GOODS = "notebooks pencils mugs candles postcards badges".split()


def step(text, expression):
    """text with `{}` replaced by `<<expression=value>>value`, and the value."""
    value = eval(expression.replace("/", "//"))  # our own expression, whole by construction
    return text.replace("{}", f"<<{expression}={value}>>{value}"), value


def solution(steps):
    """steps: functions from the values so far to step()'s pair. The answer's text."""
    lines, values = [], []
    for make in steps:
        line, value = make(*values)
        lines.append(line)
        values.append(value)
    return "\n".join([*lines, f"#### {values[-1]}"])


# Each template takes a generator and returns the question and its steps.
def half_as_many(r):
    a, n, t = r.choice(NAMES), 2 * r.randint(5, 60), r.choice(GOODS)
    return (f"{a} sold {n} {t} in May and half as many in June. How many {t} did {a} sell altogether?", [
        lambda: step(f"In June {a} sold {n}/2 = {{}} {t}.", f"{n}/2"),
        lambda x: step(f"Altogether {a} sold {n}+{x} = {{}} {t}.", f"{n}+{x}")])


def change(r):
    a, n, p, t = r.choice(NAMES), r.randint(2, 9), r.randint(2, 9), r.choice(GOODS)
    bill = n * p + r.randint(3, 40)
    return (f"{a} buys {n} {t} at ${p} each and pays with ${bill}. How much change does {a} get, in dollars?", [
        lambda: step(f"The {t} cost {n}*{p} = ${{}}.", f"{n}*{p}"),
        lambda x: step(f"{a} gets {bill}-{x} = ${{}} back.", f"{bill}-{x}")])


def share(r):
    a, k, each, left = r.choice(NAMES), r.randint(3, 8), r.randint(3, 15), r.randint(2, 20)
    n, t = k * each + left, r.choice(THINGS)
    return (f"{a} has {n} {t}, keeps {left} and shares the rest equally among {k} friends. "
            f"How many {t} does each friend get?", [
        lambda: step(f"{a} gives away {n}-{left} = {{}} {t}.", f"{n}-{left}"),
        lambda x: step(f"Each friend gets {x}/{k} = {{}} {t}.", f"{x}/{k}")])


def wages(r):
    a, h, d, w = r.choice(NAMES), r.randint(2, 8), r.randint(3, 6), r.randint(8, 25)
    return (f"{a} works {h} hours a day, {d} days a week, for ${w} an hour. What does {a} earn in a week, in dollars?", [
        lambda: step(f"{a} works {h}*{d} = {{}} hours a week.", f"{h}*{d}"),
        lambda x: step(f"That is {x}*{w} = ${{}}.", f"{x}*{w}")])


def ages(r):
    a, b = r.sample(NAMES, 2)
    n, k, y = r.randint(4, 14), r.randint(2, 4), r.randint(2, 10)
    return (f"{a} is {n} years old. {b} is {k} times as old. How old will {b} be in {y} years?", [
        lambda: step(f"{b} is {k}*{n} = {{}} years old now.", f"{k}*{n}"),
        lambda x: step(f"In {y} years {b} will be {x}+{y} = {{}}.", f"{x}+{y}")])


def baskets(r):
    a, t = r.choice(NAMES), r.choice(FRUIT)
    k, n, bad = r.randint(3, 9), r.randint(6, 20), r.randint(2, 15)
    return (f"{a} fills {k} baskets with {n} {t} each. {bad} {t} turn out to be bad. How many good {t} are left?", [
        lambda: step(f"{a} picked {k}*{n} = {{}} {t}.", f"{k}*{n}"),
        lambda x: step(f"{x}-{bad} = {{}} {t} are good.", f"{x}-{bad}")])


def pages(r):
    a, first, k = r.choice(NAMES), r.randint(8, 30), r.randint(2, 3)
    total = first + k * first + r.randint(10, 90)
    return (f"{a} reads a book of {total} pages: {first} pages on Monday and {k} times as many on Tuesday. "
            f"How many pages are left?", [
        lambda: step(f"On Tuesday {a} reads {k}*{first} = {{}} pages.", f"{k}*{first}"),
        lambda x: step(f"In two days {a} reads {first}+{x} = {{}} pages.", f"{first}+{x}"),
        lambda x, y: step(f"{total}-{y} = {{}} pages are left.", f"{total}-{y}")])


def saving(r):
    a, per, w, gift = r.choice(NAMES), r.randint(5, 20), r.randint(3, 10), r.randint(5, 50)
    price = per * w + gift + r.randint(5, 60)
    return (f"{a} wants a bicycle for ${price}. {a} saves ${per} a week for {w} weeks and is given ${gift}. "
            f"How many dollars are still missing?", [
        lambda: step(f"{a} saves {per}*{w} = ${{}}.", f"{per}*{w}"),
        lambda x: step(f"With the gift {a} has {x}+{gift} = ${{}}.", f"{x}+{gift}"),
        lambda x, y: step(f"{price}-{y} = ${{}} are missing.", f"{price}-{y}")])


def rows(r):
    a, n, m, k = r.choice(NAMES), r.randint(4, 12), r.randint(5, 15), r.randint(2, 6)
    return (f"{a} plants {n} rows of {m} tulips and {k} rows of {m} roses. How many flowers does {a} plant?", [
        lambda: step(f"There are {n}*{m} = {{}} tulips.", f"{n}*{m}"),
        lambda x: step(f"There are {k}*{m} = {{}} roses.", f"{k}*{m}"),
        lambda x, y: step(f"{a} plants {x}+{y} = {{}} flowers.", f"{x}+{y}")])


def trip(r):
    a, v1, h1, v2, h2 = r.choice(NAMES), r.randint(20, 60), r.randint(2, 5), r.randint(61, 90), r.randint(2, 4)
    return (f"{a} drives {h1} hours at {v1} miles an hour, then {h2} hours at {v2}. How many miles does {a} drive?", [
        lambda: step(f"First {a} drives {h1}*{v1} = {{}} miles.", f"{h1}*{v1}"),
        lambda x: step(f"Then {h2}*{v2} = {{}} miles.", f"{h2}*{v2}"),
        lambda x, y: step(f"Together that is {x}+{y} = {{}} miles.", f"{x}+{y}")])


def discount(r):
    a, n, p, off = r.choice(NAMES), r.randint(3, 9), 10 * r.randint(1, 8), r.choice([10, 20, 30, 50])
    return (f"A ticket costs ${p}. {a} buys {n} tickets and gets {off}% off the total. What does {a} pay, in dollars?", [
        lambda: step(f"Without the discount it is {n}*{p} = ${{}}.", f"{n}*{p}"),
        lambda x: step(f"The discount is {x}*{off}/100 = ${{}}.", f"{x}*{off}/100"),
        lambda x, y: step(f"{a} pays {x}-{y} = ${{}}.", f"{x}-{y}")])


def bakery(r):
    a, trays, n, box = r.choice(NAMES), r.randint(2, 8), r.randint(3, 9), r.randint(4, 8)
    return (f"{a} bakes {trays} trays of {n * box} rolls and packs them in boxes of {box}. Each box sells for $3. "
            f"How many dollars do all boxes bring?", [
        lambda: step(f"{a} bakes {trays}*{n * box} = {{}} rolls.", f"{trays}*{n * box}"),
        lambda x: step(f"They fill {x}/{box} = {{}} boxes.", f"{x}/{box}"),
        lambda x, y: step(f"The boxes bring {y}*3 = ${{}}.", f"{y}*3")])


def collection(r):
    a, b, c = r.sample(NAMES, 3)
    n, more, t = r.randint(10, 50), r.randint(3, 25), r.choice(THINGS)
    return (f"{a} has {n} {t}. {b} has {more} more than {a}. {c} has twice as many as {b}. "
            f"How many {t} do the three have together?", [
        lambda: step(f"{b} has {n}+{more} = {{}} {t}.", f"{n}+{more}"),
        lambda x: step(f"{c} has 2*{x} = {{}} {t}.", f"2*{x}"),
        lambda x, y: step(f"Together they have {n}+{x}+{y} = {{}} {t}.", f"{n}+{x}+{y}")])


def tank(r):
    fill, leak, h = r.randint(12, 40), r.randint(2, 9), r.randint(3, 9)
    return (f"A pump fills a tank with {fill} litres an hour, but {leak} litres an hour leak out. "
            f"How many litres are in the tank after {h} hours?", [
        lambda: step(f"Each hour {fill}-{leak} = {{}} litres stay.", f"{fill}-{leak}"),
        lambda x: step(f"After {h} hours there are {x}*{h} = {{}} litres.", f"{x}*{h}")])


TEMPLATES = [half_as_many, change, share, wages, ages, baskets, pages, saving, rows, trip, discount,
             bakery, collection, tank]


def problems(count, seed):
    generator = random.Random(seed)
    for _ in range(count):
        question, steps = generator.choice(TEMPLATES)(generator)
        yield {"question": question, "answer": solution(steps)}


def check():
    for template in TEMPLATES:
        for seed in range(200):
            question, steps = template(random.Random(seed))
            answer = solution(steps)
            for expression, value, shown in re.findall(r"<<(.+?)=(.+?)>>(\d+)", answer):
                assert eval(expression) == int(value) == int(shown) > 0, (template.__name__, answer)
            assert answer.count("<<") == len(steps) and "{" not in question + answer, answer
            assert re.search(r"\n#### \d+$", answer), answer
    assert list(problems(50, 1)) == list(problems(50, 1)) != list(problems(50, 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="test the templates, print nothing")
    options = parser.parse_args()
    if options.check:
        check()
        return
    for record in problems(options.count, options.seed):
        sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
