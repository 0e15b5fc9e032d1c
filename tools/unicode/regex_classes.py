#!/usr/bin/env python3
"""Makes matlora/text/regex_classes.cpp: what each name of a character class holds in Oniguruma, said to PCRE2.

    regex_classes.py [CACHE]        prints the file; CACHE keeps what was asked (minutes)

`tokenizers` (its wheel has Oniguruma) is asked for every code point, and so is the system's PCRE2. A row gives the PCRE2 class that is
nearest, the code points that it lacks and those that it has too much. Names are those of PCRE2 that Oniguruma has too, and Oniguruma's own.
"""

import pathlib
import pickle
import sys

import probe

GENERAL = {
    "C": "Other", "Cc": "Control", "Cf": "Format", "Cn": "Unassigned", "Co": "Private_Use", "Cs": "Surrogate", "L": "Letter", "LC": "Cased_Letter",
    "Ll": "Lowercase_Letter", "Lm": "Modifier_Letter", "Lo": "Other_Letter", "Lt": "Titlecase_Letter", "Lu": "Uppercase_Letter", "M": "Mark",
    "Mc": "Spacing_Mark", "Me": "Enclosing_Mark", "Mn": "Nonspacing_Mark", "N": "Number", "Nd": "Decimal_Number", "Nl": "Letter_Number",
    "No": "Other_Number", "P": "Punctuation", "Pc": "Connector_Punctuation", "Pd": "Dash_Punctuation", "Pe": "Close_Punctuation",
    "Pf": "Final_Punctuation", "Pi": "Initial_Punctuation", "Po": "Other_Punctuation", "Ps": "Open_Punctuation", "S": "Symbol",
    "Sc": "Currency_Symbol", "Sk": "Modifier_Symbol", "Sm": "Math_Symbol", "So": "Other_Symbol", "Z": "Separator", "Zl": "Line_Separator",
    "Zp": "Paragraph_Separator", "Zs": "Space_Separator",
}  # fmt: skip
MORE = ["Combining_Mark", "Alnum", "Blank", "Cntrl", "Digit", "Graph", "Print", "Punct", "XDigit", "Word", "Assigned", "PosixPunct"]
POSIX = ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit"]
ESCAPES = [r"\d", r"\h", r"\s", r"\w"]
UNIONS = [r"\p{Alphabetic}\p{Nd}", r"\p{P}\p{S}", r"\p{Zs}", r"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}", r"\P{Cn}", r"\p{ASCII_Hex_Digit}"]


def plain(name: str) -> str:
    return name.lower().replace("_", "")


def ask() -> tuple:
    """({name: Oniguruma's set}, {PCRE2 class: its set}); a name is `lu`, `[:alpha:]` or an escape."""
    names = list(dict.fromkeys([*probe.pcre_names(), *map(plain, GENERAL), *map(plain, GENERAL.values()), *map(plain, MORE)]))
    onig = {name: probe.onig(rf"\p{{{name}}}") for name in names}
    onig |= {f"[:{name}:]": probe.onig(f"[[:{name}:]]") for name in POSIX}
    onig |= {escape: probe.onig(escape) for escape in ESCAPES}
    pcre = {f"\\p{{{prefix}{name}}}": probe.pcre(f"\\p{{{prefix}{name}}}") for name in probe.pcre_names() for prefix in ("", "sc:")}
    pcre |= {union: probe.pcre(f"[{union}]") for union in UNIONS}
    return {k: v for k, v in onig.items() if v is not None}, {k: v for k, v in pcre.items() if v is not None}


def asked(cache) -> tuple:
    if cache and pathlib.Path(cache).exists():
        return pickle.loads(pathlib.Path(cache).read_bytes())
    result = ask()
    if cache:
        pathlib.Path(cache).write_bytes(pickle.dumps(result))
    return result


def said(points) -> str:
    return " ".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in probe.ranges(points))


def nearest(wanted, pcre) -> str:
    """The class that needs the fewest corrections; its short name where there are two."""
    near = [name for name in pcre if abs(len(wanted) - len(pcre[name])) < 20000]
    close = sorted(near, key=lambda name: (len(wanted ^ pcre[name]), len(name), name))[:12]
    return min(close, key=lambda name: (len(probe.ranges(wanted - pcre[name])) + 2 * len(probe.ranges(pcre[name] - wanted)), len(name), name))


def wrapped(text: str, indent: str) -> str:
    """`text` as C++ string literals of a line each."""
    lines, words = [""], text.split(" ")
    for i, word in enumerate(words):
        word += " " if i + 1 < len(words) else ""
        if len(lines[-1]) + len(word) > 90:
            lines.append("")
        lines[-1] += word
    return f"\n{indent}".join(f'"{line}"' for line in lines)


def rows(onig, pcre):
    by_set = {}
    for name, points in onig.items():
        by_set.setdefault(points, []).append(name)
    for points, names in by_set.items():
        base = nearest(points, pcre)
        added, removed = points - pcre[base], pcre[base] - points
        # PCRE2 reads these as they are meant; a script's name alone also has what shares the script.
        kept = names if added or removed else [n for n in names if pcre.get(f"\\p{{{n}}}") != points]
        if kept:
            yield " ".join(kept), base, said(added), said(removed)


def main():
    onig, pcre = asked(sys.argv[1] if len(sys.argv) > 1 else None)
    print("// Made by tools/unicode/regex_classes.py; the header says what it is.")
    print('#include "matlora/text/regex_classes.h"\n\nnamespace matlora::text {\nnamespace {\n\n// clang-format off')
    table, scripts = list(rows(onig, pcre)), []
    print("constexpr RegexClass kClasses[] = {")
    for names, base, added, removed in table:
        if base.startswith(r"\p{sc:") and not added and not removed:
            scripts.append(names)
            continue
        parts = [f'R"( {names} )"', f'R"({base})"', wrapped(added, "     "), wrapped(removed, "     ")]
        one = ", ".join(parts)
        print("    {" + (one if len(one) < 100 and "\n" not in one else ",\n     ".join(parts)) + "},")
    print("};\n")
    print(f'constexpr std::string_view kScripts =\n    {wrapped(" " + " ".join(scripts) + " ", "    ")};\n// clang-format on\n\n}}  // namespace\n')
    print("std::span<const RegexClass> regex_classes() { return kClasses; }\n\nstd::string_view regex_scripts() { return kScripts; }\n")
    print("}  // namespace matlora::text")


if __name__ == "__main__":
    main()
