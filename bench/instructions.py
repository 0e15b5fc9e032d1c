"""Instruction records of GPTeacher (github.com/teknium1/GPTeacher, MIT) as matlora reads them: a second kind of data for bench/study.py.

    git show HEAD:Roleplay/roleplay-simple-deduped-roleplay-instruct.json > roleplay.json      in a clone of it
    instructions.py roleplay.json build/instructions

Writes train.jsonl and test.jsonl (48 records), in an order drawn from seed 0.
"""

import json
import pathlib
import random
import sys

TEST = 48


def record(row):
    given = f"\n{row['input']}" if row["input"] else ""
    return {"prompt": f"### Instruction:\n{row['instruction']}{given}\n\n### Response:\n", "completion": row["response"]}


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    rows = [record(row) for row in json.loads(source.read_text(encoding="utf-8")) if row["response"].strip()]
    random.Random(0).shuffle(rows)
    target.mkdir(parents=True, exist_ok=True)
    for name, part in (("test", rows[:TEST]), ("train", rows[TEST:])):
        (target / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part), encoding="utf-8")


if __name__ == "__main__":
    main()
