#!/usr/bin/env python3
"""Writes random valid tokenizer.json files and what `tokenizers` 0.23.3 makes of hard texts with each.

    random_tokenizers.py OUT_DIR [COUNT [SEED]]

OUT_DIR/random_tokenizers/N.json and N.cases: a list of {"text", "ids", "plain", "decoded", "shown"};
"plain" is without the post-processor, "decoded" the text of "ids", "shown" that without special
tokens. Texts in which `tokenizers` fails are left out. So are decoded texts with U+FFFD: matlora
keeps an added token as it is written where a ByteLevel decoder would break it. "shown" is null where
the normalizer changes a special token: `tokenizers` then shows it.
"""

import json
import os
import pathlib
import random
import shutil
import sys

import tokenizer as hard
from tokenizers import Tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyzABCEIST0123456789 .,!?'-_#|é▁ĠßЯя中文の한ع\n\t"
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
REGEXES = (
    hard.LLAMA3, hard.QWEN2, r"\s+", r"\w+|[^\w\s]+", r"\d", r"[A-Z]?[a-z]+", r"(?<=a)b?", r"\p{N}{1,3}",
    r"'s|'t| ?\p{L}+|\s+(?!\S)", r"$", r"^.", r"[^a-z]", r"(?i)the|an", r"\b",
)  # fmt: skip
BEHAVIORS = ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous")


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def flag(self, share=0.5):
        return self.random.random() < share

    def sequence(self, kinds, most, key, name="Sequence"):
        """None, one part, or a Sequence of some, which may be nested."""
        count = self.random.choice([0, 1, 1, *range(2, most + 1)])
        parts = [self.random.choice(kinds)(self) for _ in range(count)]
        if not parts:
            return None
        if len(parts) == 1 and self.flag():
            return parts[0]
        if len(parts) > 2 and self.flag(0.3):
            parts[1:] = [{"type": name, key: parts[1:]}]
        return {"type": name, key: parts}

    def pattern(self):
        if self.flag():
            return {"Regex": self.random.choice(REGEXES)}
        return {"String": self.random.choice([" ", "a", "the", "▁", "1", "é", "  ", "."])}

    def text(self):
        return self.random.choice(["", " ", "▁", "x", "<|", "é", "ab", "Ġ", "##"])


NORMALIZERS = [
    *[lambda m, name=name: {"type": name} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase")],
    *[lambda m, name=name: {"type": name} for name in ("StripAccents", "Nmt", "ByteLevel")],
    lambda m: {"type": "Strip", "strip_left": m.flag(), "strip_right": m.flag()},
    lambda m: {"type": "Prepend", "prepend": m.random.choice(["▁", " ", "x", "ab"])},
    *[lambda m: {"type": "Replace", "pattern": m.pattern(), "content": m.text()}] * 3,
    lambda m: {
        "type": "BertNormalizer",
        "clean_text": m.flag(),
        "handle_chinese_chars": m.flag(),
        "strip_accents": m.random.choice([None, True, False]),
        "lowercase": m.flag(),
    },
]
METASPACE = lambda m: {
    "type": "Metaspace",
    "replacement": m.random.choice(["▁", "▁", "_", "é"]),
    "prepend_scheme": m.random.choice(["always", "first", "never"]),
    "split": m.flag(),
}
BYTE_LEVEL = lambda m: {
    "type": "ByteLevel",
    "add_prefix_space": m.flag(),
    "trim_offsets": m.flag(),
    "use_regex": m.flag(),
}
PRE_TOKENIZERS = [
    *[lambda m, name=name: {"type": name} for name in ("BertPreTokenizer", "Whitespace")],
    lambda m: {"type": "WhitespaceSplit"},
    *[BYTE_LEVEL] * 2,
    *[METASPACE] * 2,
    lambda m: {"type": "CharDelimiterSplit", "delimiter": m.random.choice(" a▁é")},
    lambda m: {"type": "Digits", "individual_digits": m.flag()},
    lambda m: {"type": "Punctuation", "behavior": m.random.choice(BEHAVIORS)},
    lambda m: {"type": "FixedLength", "length": m.random.randint(1, 7)},
    *[
        lambda m: {
            "type": "Split",
            "pattern": m.pattern(),
            "behavior": m.random.choice(BEHAVIORS),
            "invert": m.flag(0.3),
        }
    ]
    * 3,
]
DECODERS = [
    *[lambda m, name=name: {"type": name} for name in ("ByteFallback", "Fuse")],
    BYTE_LEVEL,
    METASPACE,
    lambda m: {"type": "BPEDecoder", "suffix": m.random.choice(["</w>", "e", "▁"])},
    lambda m: {"type": "WordPiece", "prefix": m.random.choice(["##", "a"]), "cleanup": m.flag()},
    lambda m: {
        "type": "CTC",
        "pad_token": m.random.choice(["<pad>", "a", "<s>"]),
        "word_delimiter_token": m.random.choice(["|", "▁"]),
        "cleanup": m.flag(),
    },
    lambda m: {"type": "Replace", "pattern": m.pattern(), "content": m.text()},
    lambda m: {
        "type": "Strip",
        "content": m.random.choice([" ", "a", "▁"]),
        "start": m.random.randint(0, 2),
        "stop": m.random.choice([0, 0, 0, 1]),
    },
]


def template(maker, ids):
    names = [name for name in ("<s>", "</s>", "<sep>") if name in ids]

    def pieces(texts):
        result = [{"Sequence": {"id": text, "type_id": 0}} for text in texts]
        for _ in range(maker.random.randint(0, 3)):
            token = {"SpecialToken": {"id": maker.random.choice(names), "type_id": 0}}
            result.insert(maker.random.randint(0, len(result)), token)
        return result

    tokens = {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in names}
    return {
        "type": "TemplateProcessing",
        "single": pieces(["A"]),
        "pair": pieces(["A", "B"]),
        "special_tokens": tokens,
    }


def post_processor(maker, ids):
    bert = lambda m: {"type": "BertProcessing", "sep": ["</s>", ids["</s>"]], "cls": ["<s>", ids["<s>"]]}
    roberta = lambda m: {
        **bert(m),
        "type": "RobertaProcessing",
        "trim_offsets": m.flag(),
        "add_prefix_space": m.flag(),
    }
    kinds = [bert, roberta, BYTE_LEVEL, *[lambda m: template(m, ids)] * 3]
    return maker.sequence(kinds, 3, "processors")


def words_of(state):
    """The pieces of the sentences behind normalizer and pre-tokenizer."""
    probe = dict(state, model={"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"})
    tokenizer = Tokenizer.from_str(json.dumps(probe))
    words = []
    for sentence in hard.SENTENCES:
        if tokenizer.normalizer:
            sentence = tokenizer.normalizer.normalize_str(sentence)
        if tokenizer.pre_tokenizer:
            words += [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(sentence)]
        else:
            words.append(sentence)
    return [word for word in words if word]


def parts_of(maker, words, count):
    """Random stretches of the words."""
    parts = []
    for _ in range(count):
        word = maker.random.choice(words)
        begin = maker.random.randrange(len(word))
        parts.append(word[begin : begin + maker.random.randint(1, 6)])
    return parts


def unique(tokens):
    return list(dict.fromkeys(token for token in tokens if token))


def alphabet(maker, words):
    letters = sorted(set("".join(words)) | set(LETTERS))
    return [letter for letter in letters if maker.flag(0.9)]


def bpe(maker, words):
    prefix = maker.random.choice(["", "", "", "##"])
    suffix = maker.random.choice(["", "", "", "</w>"])
    fallback = maker.flag(0.4)

    def symbols(word):
        return [
            ("" if i == 0 else prefix) + c + (suffix if i == len(word) - 1 else "")
            for i, c in enumerate(word)
        ]

    letters = set(alphabet(maker, words))
    used = [symbols(w) for w in maker.random.choices(words, k=120) if set(w) <= letters]
    used = [word[:60] for word in used]
    tokens = ["<unk>", "<s>", "</s>"] + (BYTE_TOKENS if fallback else [])
    forms = [[c, prefix + c, c + suffix, prefix + c + suffix] for c in sorted(letters)]
    tokens += [form for letter in forms for form in letter if maker.flag(0.97)]
    known, merges = set(tokens), []
    for _ in range(maker.random.randint(0, 160)):
        pairs = [(a, b) for word in used for a, b in zip(word, word[1:]) if a in known and b in known]
        if not pairs:
            break
        left, right = maker.random.choice(pairs)
        joined = left + right[len(prefix) :]
        merges.append([left, right])
        tokens.append(joined)
        known.add(joined)
        for word in used:
            for i in range(len(word) - 1, 0, -1):
                if i < len(word) and (word[i - 1], word[i]) == (left, right):
                    word[i - 1 : i + 1] = [joined]
    merges = [list(pair) for pair in dict.fromkeys(map(tuple, merges))]
    if maker.flag(0.3):
        maker.random.shuffle(merges)
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": maker.random.choice(["<unk>", "<unk>", None]),
        "continuing_subword_prefix": prefix or None,
        "end_of_word_suffix": suffix or None,
        "fuse_unk": maker.flag(),
        "byte_fallback": fallback,
        "ignore_merges": maker.flag(0.3),
        "vocab": {token: i for i, token in enumerate(unique(tokens))},
        "merges": merges if maker.flag() or any(" " in t for m in merges for t in m) else [" ".join(m) for m in merges],
    }  # fmt: skip


def unigram(maker, words):
    fallback = maker.flag(0.4)
    tokens = ["<unk>", "<s>", "</s>"] + (BYTE_TOKENS if fallback else [])
    tokens += alphabet(maker, words) + parts_of(maker, words, 250)
    tokens = tokens if maker.flag(0.1) else unique(tokens)  # or some twice
    step = maker.random.choice([1, 4, 1000])  # coarse scores have ties
    vocab = [[token, -maker.random.randint(step, 12 * step) / step] for token in tokens]
    return {
        "type": "Unigram",
        "unk_id": maker.random.choice([0, 0, 0, None]),
        "vocab": vocab,
        "byte_fallback": fallback,
    }


def word_level(maker, words):
    tokens = unique(["<unk>", "<s>", "</s>", *alphabet(maker, words), *words])
    tokens = [token for i, token in enumerate(tokens) if i < 3 or maker.flag(0.9)]
    return {
        "type": "WordLevel",
        "vocab": {token: i for i, token in enumerate(tokens)},
        "unk_token": "<unk>",
    }


def word_piece(maker, words):
    prefix = maker.random.choice(["##", "##", "", "a"])
    tokens = ["<unk>", "<s>", "</s>", *alphabet(maker, words)]
    tokens += [prefix + letter for letter in alphabet(maker, words)]
    tokens += [maker.random.choice(["", prefix]) + part for part in parts_of(maker, words, 300)]
    return {
        "type": "WordPiece",
        "unk_token": "<unk>",
        "continuing_subword_prefix": prefix,
        "max_input_chars_per_word": maker.random.choice([5, 20, 100]),
        "vocab": {token: i for i, token in enumerate(unique(tokens))},
    }


MODELS = (bpe, bpe, unigram, unigram, word_level, word_piece)


def added_tokens(maker, model):
    vocab = model["vocab"]
    known = vocab if isinstance(vocab, dict) else {token: i for i, (token, _) in enumerate(vocab)}
    contents = ["<s>", "</s>", "<unk>", "<sep>", "<tool>", "word", "The", "Å→", " a", "é", "ab", "İx"]
    chosen = ["<s>", "</s>"] + [c for c in contents[2:] if maker.flag(0.3)]
    result, following = [], len(vocab)
    for content in chosen:
        if content not in known:
            known, following = {**known, content: following}, following + 1
        flags = {key: maker.flag(0.25) for key in ("single_word", "lstrip", "rstrip")}
        special = content.startswith("<") and maker.flag(0.8)
        normalized = maker.flag(0.2 if special else 0.6)
        token = {"id": known[content], "content": content, **flags}
        result.append({**token, "normalized": normalized, "special": special})
    return sorted(result, key=lambda token: token["id"]), known


def make(maker):
    """A tokenizer.json and its Tokenizer."""
    state = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": []}
    state["normalizer"] = maker.sequence(NORMALIZERS, 4, "normalizers")
    state["pre_tokenizer"] = maker.sequence(PRE_TOKENIZERS, 4, "pretokenizers")
    words = words_of(state)
    state["model"] = maker.random.choice(MODELS)(maker, words)
    state["added_tokens"], ids = added_tokens(maker, state["model"])
    state["post_processor"] = post_processor(maker, ids)
    state["decoder"] = maker.sequence(DECODERS, 4, "decoders")
    return state, Tokenizer.from_str(json.dumps(state))


def is_ambiguous(state, tokenizer):
    """Added tokens that look alike when they are normalised, or are nothing."""
    normalizer = tokenizer.normalizer
    tokens = [t["content"] for t in state["added_tokens"] if t["normalized"]]
    if not normalizer:
        return False
    looks = {normalizer.normalize_str(token) for token in tokens}
    return len(looks) < len(tokens) or "" in looks


def shows_specials(state, tokenizer):
    """`tokenizers` does not know a special token that the normalizer changes."""
    normalizer = tokenizer.normalizer
    tokens = [t["content"] for t in state["added_tokens"] if t["special"] and t["normalized"]]
    return any(normalizer and normalizer.normalize_str(token) != token for token in tokens)


def run(tokenizer, text):
    ids = tokenizer.encode(text).ids
    case = {"text": text, "ids": ids, "plain": tokenizer.encode(text, add_special_tokens=False).ids}
    for key, skip in (("decoded", False), ("shown", True)):
        decoded = tokenizer.decode(ids, skip_special_tokens=skip)
        case[key] = None if "\ufffd" in decoded else decoded
    return case


def attempt(function, *arguments):
    """None where `tokenizers` fails or panics."""
    try:
        return function(*arguments)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        return None


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1]) / "random_tokenizers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 240
    maker = Maker(int(sys.argv[3]) if len(sys.argv) > 3 else 5)
    texts = [*hard.SENTENCES, "", " ", "  a  ", "<s>a</s>", "\n\n", "word word1", "xab THE ab"]
    texts += [text for text in hard.random_texts(400) if not set(text) & set("\u180e\U0001e5f1")]
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the panics of tokenizers
    written = cases = 0
    while written < count:
        made = attempt(make, maker)
        if made is None:
            continue
        state, tokenizer = made
        if is_ambiguous(state, tokenizer):
            continue
        chosen = texts[:22] + maker.random.sample(texts[22:], 28)
        results = [case for text in chosen if (case := attempt(run, tokenizer, text))]
        if shows_specials(state, tokenizer):
            results = [{**case, "shown": None} for case in results]
        if len(results) < 10:
            continue
        (folder / f"{written}.json").write_text(json.dumps(state), encoding="ascii")
        (folder / f"{written}.cases").write_text(json.dumps(results), encoding="ascii")
        written += 1
        cases += len(results)
    print(f"{folder}: {written} tokenizers, {cases} texts")


if __name__ == "__main__":
    main()
