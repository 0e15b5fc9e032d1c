"""Golden sets of characters: CPython's letter cases, and what each class of a regular expression holds in `tokenizers`.

    unicode.py OUT_DIR        writes unicode_case.json and unicode_classes.json
"""

import json
import pathlib
import sys
import unicodedata

import common

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "unicode"))
import probe  # noqa: E402
import regex_classes  # noqa: E402

# What is between is of one kind: ideographs, Hangul, Tangut, private use, nothing.
SPANS = [
    (0, 0x3500), (0x4D00, 0x4E10), (0x9FF0, 0xAC10), (0xD7A0, 0xD800), (0xE000, 0xE010), (0xF8F0, 0x17010), (0x187F0, 0x1B180), (0x1B2F0, 0x20010),
    (0x2A6D0, 0x2A710), (0x2B730, 0x2B750), (0x2B810, 0x2B830), (0x2CEA0, 0x2CEC0), (0x2EBD0, 0x2EE70), (0x2F7F0, 0x2FA30), (0x31340, 0x31360),
    (0x323A0, 0x323C0), (0xE0000, 0xE0200), (0xFFFF0, 0x100000), (0x10FFF0, 0x110000),
]  # fmt: skip
MIXED = [
    r"\D", r"\H", r"\S", r"\W", r"[^\w]", r"[\W\d]", r"[^\W\d_]", r"[\P{L}a]", r"[^\P{L}a]", r"[\p{Mn}\p{Cn}-]", r"[^\p{Mn}\p{Cn}]", r"\P{Mn}", r"\P{Cn}",
    r"\P{Han}", r"[^\p{Han}\p{Hiragana}]", r"\p{^Lu}", r"[[:^alpha:]]", r"[^[:punct:]\s]", r"[^\s\p{L}\p{N}]", r"[^\r\n\p{L}\p{N}]", r"\p{Script_Extensions=Han}",
    r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", r"\p{Uppercase_Letter}", r"\p{ lower case-letter }", r"\p{OLD_ITALIC}",
]


def cases():
    """Characters by their lower and title case where those are others, and how each stands beside a final sigma."""
    chars = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    sigma = {c: [text.lower().replace("\u03c3", "s").replace("\u03c2", "f")[1] for text in (f"a\u03a3{c}", f"a\u03a3{c}a")] for c in chars}
    texts = ["\u039f\u03a3", "\u03a3", "a\u03a3", "\u03a3a", "a.\u03a3", "a\u03a3.a", "\u03a3\u03a3", "a\u03a3\u0301", "1\u03a3", "A'\u03a3'", "\ufb01\u03a3", "\u00df\u03a3 \u03a3"]
    return {
        "lower": {c: c.lower() for c in chars if c.lower() != c},
        "capitalize": {c: c.capitalize() for c in chars if c.capitalize() != c},
        "known": "".join(chars),
        "not_after": "".join(c for c in chars if sigma[c][0] == "s"),  # a\u03a3 before it is no end
        "passed": "".join(c for c in chars if sigma[c] == ["f", "s"]),
        "texts": [{"text": t, "lower": t.lower(), "capitalize": t.capitalize()} for t in texts],
    }


def classes():
    points = [c for first, end in SPANS for c in range(first, end)]
    names = dict.fromkeys([*probe.pcre_names(), *regex_classes.GENERAL, *regex_classes.GENERAL.values(), *regex_classes.MORE])
    expressions = [rf"\p{{{name}}}" for name in names] + [f"[[:{name}:]]" for name in regex_classes.POSIX] + regex_classes.ESCAPES + MIXED
    sets = {expression: probe.onig(expression, points) for expression in expressions}
    held = {expression: probe.ranges(found, points) for expression, found in sets.items() if found is not None}
    return {"spans": [[first, end - 1] for first, end in SPANS], "classes": held}


def main():
    out = common.output_directory()
    for name, value in (("unicode_case", cases()), ("unicode_classes", classes())):
        (out / f"{name}.json").write_text(json.dumps(value) + "\n")
        print(f"{name}.json")


if __name__ == "__main__":
    main()
