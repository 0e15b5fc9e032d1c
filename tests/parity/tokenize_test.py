"""`matlora tokenize` (both ways) against `tokenizers`, on the tiny models' tokenizer.json and the GGUF twins' vocabulary."""

import json
import random

import parity
import common

HARD = [
    "", " ", "  ", "\n", "\n\n", "\r\n", "\t", " \t \n ", "a", " a", "a ", "  a  b   c    ", "Hello, world!", "it's we're I'LL they'd don't 'tis",
    "'s't're've'm'll'd", "''s", "12", "1234567890", "3.14 -17 1,000,000", "$<<48/2=24>>24", "#### 72", "x²+½ ⅷ Ⅷ ①", "٣٤٥ १२३",
    "naïve café", "nai\u0308ve cafe\u0301", "Привет, мир", "数学问题です", "한국어 텍스트", "שלום עולם", "مرحبا بالعالم", "ไทย ภาษา", "Ǆ ǅ ǆ ß ﬁ",
    "😀", "👩‍👩‍👧‍👦 🏳️‍🌈", "👍🏽👍🏿", "\u200b\u200d\ufeff", "\u00a0\u2003\u3000x", "a\u00a0b", "\u2028\u2029", "\x00\x01\x7f", "\ufffd", "\U0010ffff",
    "def f(x):\n    return x  # ok\n\n\n", "{\"k\": [1, 2.5, null]}", "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|begin|>", "<|end", "|>",
    " <|endoftext|> ", "<|begin|>x", "https://example.org/a?b=c&d=%20", "C++ & C#", "--__--", "....", "!!??", "a" * 300, " " * 70, "\n" * 20,
    "Question: How many clips?\nAnswer: ", "Αθήνα ΟΔΥΣΣΕΥΣ", "İstanbul ıI", "ﷺ", "Ꭰꭰ", "𝔘𝔫𝔦", "a\u0301\u0323", "\u1e9b\u0323",
]


def strings() -> list:
    pick = random.Random(9)
    pieces = [piece for piece in HARD if 0 < len(piece) < 30] + list(" \n'12aZé数😀")
    return HARD + ["".join(pick.choice(pieces) for _ in range(pick.randint(2, 9))) for _ in range(140)]


def lines(text: str) -> list:
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def main():
    suite = parity.Suite("tokenize_test")
    models, texts = parity.golden() / "models", strings()
    data = suite.tmp / "texts.jsonl"
    common.write_jsonl(data, [{"text": text} for text in texts])
    for name in ("untied_gqa", "tied"):
        tokenizer, _ = common.load_tokenizer(models / name)
        for path in (models / name, models / f"{name}.gguf"):
            for special in (True, False):
                case = f"{path.name}{'' if special else ' --no-special'}"
                expected = [tokenizer.encode(text, add_special_tokens=special).ids for text in texts]
                got = lines(suite.matlora("tokenize", "--model", path, "--file", data, *([] if special else ["--no-special"])))
                suite.equal(case, f"{len(texts)} texts", got, expected)
            plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
            ids = suite.tmp / "ids.jsonl"
            ids.write_text("".join(json.dumps(row) + "\n" for row in plain))
            back = lines(suite.matlora("tokenize", "--model", path, "--decode", "--file", ids))
            suite.equal(path.name, "--decode", back, [tokenizer.decode(row, skip_special_tokens=False) for row in plain])
            suite.equal(path.name, "--text", lines(suite.matlora("tokenize", "--model", path, "--no-special", "--text", "It's 24 clips")),
                        [tokenizer.encode("It's 24 clips", add_special_tokens=False).ids])
            pair = json.dumps([5, 300])
            suite.equal(path.name, "--decode --text", lines(suite.matlora("tokenize", "--model", path, "--decode", "--text", pair)),
                        [tokenizer.decode([5, 300], skip_special_tokens=False)])
    suite.finish()


if __name__ == "__main__":
    main()
