#!/usr/bin/env python3
"""Task files in the public datasets' format, for trying out and testing tasks without the network.

task_data.py OUT_DIR [--items N] [--seed S]    the same N and S give the same bytes

Writes OUT_DIR/TASK/SPLIT.jsonl and OUT_DIR/mmlu/SUBJECT/{dev,test}.jsonl, N records in the split that is scored (fewer in some of mmlu's
subjects). All texts are made from the templates below; they are no benchmark. What the harness treats specially is in them: unicode,
quotes, braces, [title] and other brackets, double and trailing spaces, choices that share their beginnings or are equal, labels of
several kinds, 3 to 5 choices, and examples that equal a scored record.
"""
import argparse
import json
import pathlib
import random

NAMES = ("Ada", "Björn", "Chloé", "Dev", "Émile", "Farid", "Mei-Ling", "Ólafur", "Priya", "Zoë", "Наталья", "李雷")
THINGS = ("marbles", "red apples", "stamps", "paper cups", "coins", "pencils")
FACTS = (  # question, right, wrong
    ("Which of these is a liquid in a warm room", "water", ("wood", "iron", "a stone", "a stone wall")),
    ("Which animal can fly", "a bat", ("a bear", "a badger", "a beaver", "a dog")),
    ("What do plants need to make sugar", "light", ("lightning", "a light bulb", "music", "salt")),
    ("Which month comes after March", "April", ("May", "April of last year", "February", "none of these")),
    ("What is the capital of France", "Paris", ("Parma", "Lyon", "Nice", "Rome")),
    ("Which of these isn't a metal", "oxygen", ("copper", "gold", "iron", "silver (Ag)")),
    ("How many legs does a spider have", "eight", ("six", "eighteen", "ten", "4")),
    ("Where does the sun rise", "in the east", ("in the west", "in the north-east of nothing", "at sea", "under the hills")),
    ("A sailor says \"the ice is melting\"; what changes", "its state", ("its mass", "it's colour", "'nothing'", "the \"name\"")),
    ("What keeps 水 from freezing in a kettle", "heat", ("heather", "cold", "wind", "Ελλάδα")),
    ("In the text {{name}}, what do the braces mark", "a variable", ("a variable star", "a {% loop %}", "C:\\path", "nothing")),
    ("Which tool measures temperature", "a thermometer", ("a thermos", "a ruler", "a clock", "a scale")),
)
SUBJECTS = {"abstract_algebra": 1.0, "astronomy": 0.3, "high_school_geography": 0.5, "nutrition": 0.75, "world_religions": 0.4}


def number(value):
    return f"{value:,}"


def gsm8k(r, _):
    name, other = r.sample(NAMES, 2)
    thing, a, b, c = r.choice(THINGS), r.randint(2, 9), r.randint(2, 9), r.randint(2, 400)
    kind = r.randrange(4)
    if kind == 0:
        return {"question": f"{name} has {a} {thing} and finds {b} more. How many {thing} does {name} have?",
                "answer": f"{name} has {a}+{b} = <<{a}+{b}={a + b}>>{a + b} {thing}.\n#### {a + b}"}
    if kind == 1:
        total = a * b * c
        return {"question": f"{name} fills {a} boxes with {b} bags each, {c} {thing} a bag. How many {thing} are there in all?",
                "answer": f"There are {a}*{b} = <<{a}*{b}={a * b}>>{a * b} bags.\n"
                          f"They hold {a * b}*{c} = <<{a * b}*{c}={total}>>{number(total)} {thing}.\n#### {number(total)}"}
    if kind == 2:
        return {"question": f"It is {a} degrees and gets {a + b} degrees colder; {name} and {other} stay inside. How cold is it now?",
                "answer": f"It is {a}-{a + b} = <<{a}-{a + b}={-b}>>{-b} degrees.\n#### {-b}"}
    price, half = f"{a}.{b}", f"{(10 * a + b) / 20:.2f}"
    return {"question": f"  {other} pays ${price}0 for a map and {name} gives back half of it. How much does {other} pay in the end?",
            "answer": f"Half is {price}/2 = <<{price}/2={half}>>${half}. #### {half}"}


def question(r):
    """(question, choices, index of the right one): 5 choices, or the first few of them."""
    if r.random() < 0.5:
        ask, right, wrong = r.choice(FACTS)
        return ask + ("?" if r.random() < 0.8 else " (choose one)?"), right, list(wrong)
    a, b = r.randint(2, 99), r.randint(2, 99)
    right = a * b
    wrong = [str(right + 1), number(10 * right), f"{right}.5", f"-{right}"]
    if r.random() < 0.3:
        wrong[0] = str(right)  # a tie
    asked = r.choice((f"What is {a} times {b}?", f"{r.choice(NAMES)} buys {a} boxes of {b} {r.choice(THINGS)}. How many are that?"))
    return asked, str(right), wrong


def chosen(r, count):
    ask, right, wrong = question(r)
    r.shuffle(wrong)
    wrong = wrong[:count - 1]
    gold = r.randrange(count)
    return ask, wrong[:gold] + [right] + wrong[gold:], gold


def arc(r, index):
    count = r.choice((3, 4, 4, 4, 4, 5))
    ask, texts, gold = chosen(r, count)
    labels = list("12345" if r.random() < 0.3 and count == 4 else "ABCDE")[:count]
    return {"id": f"made_{index}", "question": ask, "choices": {"text": texts, "label": labels}, "answerKey": labels[gold]}


def openbookqa(r, index):
    ask, texts, gold = chosen(r, 4)
    stem = ask.rstrip("?") + r.choice(("", "", " ", " \u00a0", "?"))
    labels = list("ABCD")
    return {"id": f"made_{index}", "question_stem": stem, "choices": {"text": texts, "label": labels}, "answerKey": labels[gold]}


def hellaswag(r, index):
    name, other = r.sample(NAMES, 2)
    thing = r.choice(THINGS)
    if r.random() < 0.5:
        context = (f"[header] How to sort {thing} [title] Put the {thing} on a table. [step] Use a table that is  clean and dry."
                   f"{r.choice(('', '', f' [substeps] {name} may help.', ' Take your   time.', ' Go on [step]'))}")
        tail = ""
        endings = [f"[title] Make {r.choice(('two', 'three'))} rows. [step] Count  them {r.choice(('twice', 'again'))}.",
                   f"[title] Make rows of {other}'s socks [step] and eat them.", f"[step] Throw the {thing} away  ", "Make two."]
        label = "Home and Garden"
    else:
        context = f"A woman named {name} {r.choice(('walks', 'runs', 'cycles'))} to a shop"
        context += r.choice((".", f" to buy {r.randint(2, 90)} {thing}. The door is open."))
        tail = r.choice(("she", f"then {name.upper()} waves to NASA and", "élodie", f"{other} at the till"))
        endings = [f"{r.choice(('takes', 'counts'))} the {thing} and pays.", f"takes the {thing} and flies to the moon [laughs].",
                   "is a number.", f"{r.choice(('takes', 'counts'))} the {thing} and  pays twice."]
        label = r.choice(("Shopping", "Doing crunches"))
    right = r.choice((0, min(range(4), key=lambda i: len(endings[i]))))
    order = list(range(4))
    r.shuffle(order)
    return {"ind": index, "activity_label": label, "ctx_a": context, "ctx_b": tail, "ctx": f"{context} {tail}",
            "endings": [endings[i] for i in order], "source_id": f"made~{index}", "label": str(order.index(right))}


def winogrande(r, _):
    name, other = r.sample(NAMES, 2)
    thing = r.choice(THINGS)
    sentence = r.choice((
        f"{name} gave the {thing} to {other} because _ had too many of them.",
        f"{name} could not lift {other}'s box of {thing} since _ was too weak, or so {other} said.",
        f"_ thanked {other}'s brother when {name} got the {thing}.",
        f"The {thing} fell off the shelf when {name} and {other} met, and _ picked up the _ one.  ",
    ))
    return {"sentence": sentence, "option1": name, "option2": other, "answer": r.choice("12")}


def mmlu(r, index, subject):
    ask, texts, gold = chosen(r, 4)
    if r.random() < 0.3:
        ask = f"\n {ask}\nThis is about {subject.replace('_', ' ')}.  "
    return {"question": ask, "subject": subject, "choices": texts, "answer": gold}


def piqa(r, _):
    name, thing = r.choice(NAMES), r.choice(THINGS)
    goal, right, wrong = r.choice((
        (f"To keep {thing} dry", f"put the {thing} in a box with a lid.", f"put the {thing} in a box without a lid in the rain."),
        (f"How do I carry {r.randint(2, 30)} {thing}?", "Use a bag.", "Use a net with holes that are wider than  they are."),
        ("boil an egg", f"Cook it in hot water for {r.randint(5, 10)} minutes.", "Cook it in cold water."),
        (f"{name} wants to open a tin", "Use a tin opener", "Use a tin"),
    ))
    label = r.randrange(2)
    return {"goal": goal, "sol1": (right, wrong)[label], "sol2": (wrong, right)[label], "label": label}


def boolq(r, index):
    name, other = r.sample(NAMES, 2)
    a, b = r.randint(2, 999), r.randint(2, 999)
    fillers = [f"{name} has lived in a house by the sea since {r.randint(1950, 2020)}.", f"{other} (born in Łódź) paints boats.",
               f"The {r.choice(THINGS)} on the shelf were a gift of {other}'s aunt, who sails.",
               "It rains a lot -- on most days, they say.", "Nobody knows why."]
    passage = " ".join([f"{name} owns {a} books and {other} owns {b}.", *r.sample(fillers, r.randint(0, 5))])
    return {"question": r.choice(("does {} own more books than {}", "do the books of {} outnumber those of {}")).format(name, other),
            "passage": passage, "idx": index, "label": int(a > b)}


# Task -> (function, the scored split, how many examples more than scored records).
TASKS = {
    "gsm8k": (gsm8k, "test", 6), "arc_easy": (arc, "test", 0), "arc_challenge": (arc, "test", -4), "openbookqa": (openbookqa, "test", -8),
    "hellaswag": (hellaswag, "validation", 2), "winogrande": (winogrande, "validation", 0), "piqa": (piqa, "validation", 8),
    "boolq": (boolq, "validation", 20),
}
REPEATED = ("piqa", "winogrande")  # records without a number of their own: some of the scored ones are among the examples, one 7 times


def records(seed, name, split, count, make, *more):
    generator = random.Random(f"{seed}/{name}/{split}")
    return [make(generator, index, *more) for index in range(count)]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def make_tasks(out, items, seed):
    for name, (make, split, more) in TASKS.items():
        scored = records(seed, name, split, items, make)
        examples = records(seed, name, "train", max(items + more, 8), make)
        if name in REPEATED:
            examples[1::3] = scored[: len(examples[1::3])] + examples[1::3][len(scored):]
            examples[::4] = [scored[0]] * len(examples[::4])
        write(out / name / f"{split}.jsonl", scored)
        write(out / name / "train.jsonl", examples)
    for subject, share in SUBJECTS.items():
        write(out / "mmlu" / subject / "test.jsonl", records(seed, subject, "test", max(round(items * share), 2), mmlu, subject))
        write(out / "mmlu" / subject / "dev.jsonl", records(seed, subject, "dev", 5 + len(subject) % 3, mmlu, subject))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path, metavar="OUT_DIR")
    parser.add_argument("--items", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    make_tasks(options.output, options.items, options.seed)
    for name in [*TASKS, "mmlu"]:
        print(options.output / name)


if __name__ == "__main__":
    main()
