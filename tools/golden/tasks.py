"""Golden cases for matlora's tasks from CPython itself: random samples, str methods, and lm-evaluation-harness's GSM8K filters.

    tasks.py OUT_DIR        writes tasks.json

The filters and exact_match are those of lm_eval/tasks/gsm8k/gsm8k.yaml and lm_eval/filters/extraction.py (0.4.13), run with `re`.
"""

import json
import random
import re

import common

SIZES = [(7473, 5), (20, 5), (21, 5), (22, 5), (85, 6), (86, 6), (5, 5), (1, 1), (100, 25), (300, 25), (1000, 1), (4, 0)]
RESPONSES = [
    "", "18", "The answer is 18.", "#### 1,234.50", "... #### -7\n#### 8", "#### $5", "####5", "It costs $1,000.50. So 3.", "-3 and -4.5",
    "a $ b", "...", "1-2", "x = 5.\n", "#### 12.", "٣ apples", "#### 1.\n\nQuestion: 2", "$,.,", "He has 10%", "7", "-", "#### -", "#### .,",
    "Pay 2,000 dollars,", "42. ", "#### 42.\n",
]
REFERENCES = ["She has 16 - 3 = <<16-3=13>>13.\n#### 18", "#### 1234.50", "#### -7", "#### 1,000", "#### 5.", "no mark", "#### 42.\n"]
TEXTS = ["", " ", "HELLO World", "élan VITAL", "\u00a0\u2003x\u3000", "\x1c\x1da\x1f", "ßTRASSE", "İSTANBUL", "ǆABC", "a  b   c", "\n a b \t"]


def findall(pattern, group, response):
    match = re.findall(pattern, response)
    if not match:
        return "[invalid]"
    match = match[group]
    if isinstance(match, tuple):
        match = next((m for m in match if m), "[invalid]")
    return match.strip()


def bare(text):
    for pattern in (",", r"\$", r"(?s).*#### ", r"\.$"):
        text = re.sub(pattern, "", text)
    return text.lower()


def samples():
    for seed in (1234, 0, 1, 2**32 + 5, 2**64 - 1):
        for size, count in SIZES:
            generator = random.Random(seed)
            yield {"seed": seed, "size": size, "count": count, "drawn": [generator.sample(range(size), count) for _ in range(4)]}


def main():
    filters = [{"response": r, "strict": findall(r"#### (\-?[0-9\.\,]+)", 0, r), "flexible": findall(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", -1, r)}
               for r in RESPONSES]
    answers = sorted({row[key] for row in filters for key in ("strict", "flexible")})
    result = {
        "samples": list(samples()), "filters": filters,
        "matches": [{"answer": a, "reference": r, "same": bare(a) == bare(r)} for a in answers for r in REFERENCES],
        "texts": [{"text": t, "strip": t.strip(), "rstrip": t.rstrip(), "lower": t.lower(), "capitalize": t.capitalize(), "length": len(t),
                   "replaced": t.replace("  ", " ")} for t in TEXTS],
    }
    (common.output_directory() / "tasks.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
