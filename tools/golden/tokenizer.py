#!/usr/bin/env python3
"""Writes tokenizers and what `tokenizers` 0.23.3 makes of hard strings, for the parity test.

    tokenizer.py OUT_DIR

For each NAME: OUT_DIR/tokenizer_NAME.json and OUT_DIR/tokenizer_cases_NAME.json, a list of
{"text", "ids", "ids_no_special", "decoded"}; "decoded" is null where the ids' bytes are not UTF-8.
MATLORA_MODEL names a GGUF file with a byte-level vocabulary (adds NAME = model, a full-size one);
MATLORA_GSM8K a directory with GSM8K's train.jsonl and test.jsonl (adds its texts to the cases).
"""

import json
import os
import pathlib
import random
import sys
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers as pre
from tokenizers import processors, trainers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

SENTENCES = [
    "The adapter learns a few numbers and the model keeps all of its own.",
    "Question: Anna buys 12 apples at $3.50 each; how much does she pay in total?",
    "Answer: She pays 12 * 3.50 = <<12*3.50=42.00>>42 dollars.\n#### 42",
    "It's what they'd do if we'll let them: don't, I'm sure you've seen they're right.",
    "def slice(a, k):\n    return a[:k]  # the first k rows\n\n\nif __name__ == '__main__':\n\tpass\n",
    "Der Bär läuft über die große Brücke nach Köln; Straße, Öl, Äpfel.",
    "Le garçon a mangé où l'été finit, là-bas, près du château.",
    "Мы пишем программу, которая учит маленькие матрицы.",
    "Η γλώσσα αυτή έχει πολλά γράμματα και τόνους.",
    "我们训练一个小模型，然后把它切成更小的部分。",
    "これは短い文です。カタカナとひらがなと漢字。",
    "한국어 문장은 음절로 이루어져 있습니다.",
    "هذا نص قصير من اليمين إلى اليسار ١٢٣٤٥.",
    "यह एक छोटा वाक्य है १२३।",
    "rank 1, rank 2, rank 4, rank 8: loss 1.235, 1.163, 1.068, 0.985.",
]


def training_text():
    rng = random.Random(7)
    words = " ".join(SENTENCES).split(" ")
    for _ in range(400):
        yield rng.choice(SENTENCES)
        yield " ".join(rng.choice(words) for _ in range(20))


def unicode_chunks():
    """Every code point of the BMP in chunks, a broad sample of the other planes."""
    bmp = [c for c in range(0x10000) if not 0xD800 <= c < 0xE000]
    for i in range(0, len(bmp), 256):
        yield "".join(map(chr, bmp[i : i + 256]))
    for i in range(0, 0x3000, 64):  # each code point by itself between letters, spaces and digits
        yield "".join(f"a{chr(c)} {chr(c)}{chr(c)}1 " for c in range(i, i + 64))
    for plane in range(1, 17):
        step = 1 if plane == 1 else 37
        points = list(range(plane << 16, (plane + 1) << 16, step))
        for i in range(0, len(points), 512):
            yield "".join(map(chr, points[i : i + 512]))


def random_texts(count):
    rng = random.Random(11)
    pieces = [
        " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\u180e", "\u200b",
        "\u200d", "\ufeff", "'s", "'S", "'LL", "'ll", "'\u017f", "'re", "’s", "'", "''", "a", "B",
        "é", "e\u0301", "ß", "\u017f", "1", "23", "456", "²", "½", "٣", "Ⅷ", "①", "!", "...", "$",
        "_", "-", "中", "文", "か\u3099", "한", "\u1112\u1161\u11ab", "😀", "👩\u200d👩\u200d👧", "🇩🇪",
        "👍🏽", "א", "ب", "\u202e", "<s>", "</s>", "<tool>", "<|pad|>", "word", "the", " the", "\0",
        "\x7f", "\x1c", "\u212a", "ﬁ", "Å", "Å→", "A\u030a→", "\u2126", "क्षि", "\U00010d41", "\U0001e5f1",
    ]  # fmt: skip
    for _ in range(count):
        yield "".join(rng.choice(pieces) for _ in range(rng.randint(1, 24)))


def hard_texts():
    yield ""
    yield from SENTENCES
    yield from (s for run in (1, 2, 3, 7, 50, 3000) for s in (" " * run, "\n" * run, "a" * run))
    yield from (s for run in (1, 2, 3, 4, 7, 100) for s in ("1" * run, "ab" * run, "é" * run))
    yield from ("x" + " " * 2000 + "y", "\t \n \r\n x", "  leading", "trailing  ", "a\r\nb\r\n\r\nc")
    yield from ("<s>", " <s> ", "a<s>b</s>c", "<s><s></s>", "x <tool> y", "x<tool>y", "<tool")
    yield from ("<|pad|>", "I'M IT'S WE'LL YOU'VE THEY'RE HE'D DON'T", "i'm it's we'll", "'S'T'RE")
    yield "'\u017f x'\u017f"
    yield from ("keyword key word", "word", " word ", "word1", "éword", "word\u0301", "über word.")
    yield from unicode_chunks()
    yield from random_texts(1000)


def gsm8k_texts(part):
    folder = pathlib.Path(os.environ.get("MATLORA_GSM8K", "../shared/data/gsm8k"))
    path = folder / f"{part}.jsonl"
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        yield f"Question: {record['question']}\nAnswer: {record['answer']}"


def train(pre_tokenizer, normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_text(), trainer)
    return tokenizer


def with_template(tokenizer, eos=False):
    bos_id, eos_id = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    single = "<s> $A </s>" if eos else "<s> $A"
    template = processors.TemplateProcessing(
        single=single, special_tokens=[("<s>", bos_id), ("</s>", eos_id)]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), template])
    return tokenizer


def with_added(tokenizer):
    tokenizer.add_tokens(
        [
            AddedToken("<tool>", lstrip=True, rstrip=True, normalized=False),
            AddedToken("word", single_word=True, normalized=False),
            AddedToken("Å→", normalized=True),
            AddedToken("the key", normalized=True),
        ]
    )
    special = [AddedToken("<|pad|>", rstrip=True), AddedToken("<|pa", lstrip=True)]
    tokenizer.add_special_tokens(special)
    return tokenizer


def small_tokenizers():
    byte_level = pre.ByteLevel(add_prefix_space=False)
    yield "gpt2", with_added(train(byte_level))
    yield "prefix", train(pre.ByteLevel(add_prefix_space=True))
    yield "smollm", train(pre.Sequence([pre.Digits(individual_digits=True), byte_level]))
    yield "digits", train(pre.Sequence([pre.Digits(individual_digits=False), byte_level]))
    plain = pre.ByteLevel(add_prefix_space=False, use_regex=False)
    llama3 = pre.Sequence([pre.Split(Regex(LLAMA3), "isolated"), plain])
    yield "llama3", with_template(train(llama3, ignore_merges=True))
    qwen2 = pre.Sequence([pre.Split(Regex(QWEN2), "isolated"), plain])
    yield "qwen2", with_template(with_added(train(qwen2, normalizers.NFC())), eos=True)
    for form in ("NFD", "NFKC", "NFKD"):
        yield form.lower(), with_added(train(qwen2, getattr(normalizers, form)()))
    for behavior in ("removed", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            step = pre.Split(Regex(r"\s|\w\d"), behavior, invert=invert)
            name = f"split_{behavior}_{'inverted' if invert else 'plain'}"
            yield name, train(pre.Sequence([step, pre.Split("a", behavior, invert), plain]))


def sentencepiece(normalizer, pre_tokenizer, decoder, byte_fallback=True, **model):
    """BPE over text as SentencePiece's models are in tokenizer.json, with <0x00> .. <0xFF>."""
    unknown = dict(unk_token="<unk>", fuse_unk=True, byte_fallback=byte_fallback)
    tokenizer = Tokenizer(models.BPE(**{**unknown, **model}))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        limit_alphabet=200,
        special_tokens=["<unk>", "<s>", "</s>", *byte_tokens],
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_text(), trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(state))


def sentencepiece_tokenizers():
    spaces = decoders.Replace("▁", " ")
    llama = decoders.Sequence(
        [spaces, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    marked = normalizers.Replace(" ", "▁")
    legacy = normalizers.Sequence([normalizers.Prepend("▁"), marked])
    yield "llama2", sentencepiece(legacy, None, llama)
    yield "phi3", with_added(sentencepiece(legacy, None, llama))
    first = pre.Metaspace("▁", "first", split=False)
    yield "mistral", with_added(sentencepiece(None, first, llama))
    merged = pre.Split(" ", "merged_with_previous")
    gemma = decoders.Sequence([spaces, decoders.ByteFallback(), decoders.Fuse()])
    yield "gemma", with_added(sentencepiece(marked, merged, gemma, ignore_merges=True))
    for scheme in ("always", "first", "never"):
        words = pre.Metaspace("▁", scheme)
        yield f"metaspace_{scheme}", with_added(
            sentencepiece(None, words, decoders.Metaspace("▁", scheme), byte_fallback=False)
        )
    apart = pre.Metaspace("▁", "always")
    unfused = dict(byte_fallback=False, fuse_unk=False)
    yield "unfused", sentencepiece(None, apart, decoders.Metaspace(), **unfused)
    for name, step in (
        ("whitespace", pre.Whitespace()),
        ("whitespace_split", pre.WhitespaceSplit()),
        ("punctuation", pre.Sequence([pre.Punctuation(), pre.Digits(individual_digits=True)])),
        ("delimiter", pre.CharDelimiterSplit("a")),
    ):
        yield name, sentencepiece(None, step, decoders.Sequence([decoders.ByteFallback()]))
    for name in ("Lowercase", "Strip", "StripAccents", "Nmt"):
        step = getattr(normalizers, name)()
        yield name.lower(), sentencepiece(step, None, decoders.Fuse())


def model_tokenizer(path):
    import gguf

    fields = gguf.GGUFReader(path).fields
    read = lambda key: fields["tokenizer.ggml." + key].contents()
    tokens, types = read("tokens"), read("token_type")
    merges = [tuple(merge.split(" ")) for merge in read("merges")]
    model = models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges)
    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens([t for t, kind in zip(tokens, types) if kind == 3])
    byte_level = pre.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre.Sequence([pre.Digits(individual_digits=True), byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def same_everywhere(text, form, normalizer):
    """`tokenizers` normalises by an older Unicode than unicodedata, utf8proc by a newer one."""
    assigned = all(unicodedata.category(c) != "Cn" for c in text)
    return assigned and unicodedata.normalize(form, text) == normalizer.normalize_str(text)


def by_todays_unicode(text, name):
    """Steps that go by a character's class; their tables in `tokenizers` are of an older Unicode."""
    if any(unicodedata.category(c) == "Cn" for c in text):
        return None
    if name == "StripAccents":
        return "".join(c for c in text if unicodedata.category(c)[0] != "M")
    return "".join(c.lower() for c in text)


def write(folder, name, tokenizer, texts):
    tokenizer.save(str(folder / f"tokenizer_{name}.json"), pretty=False)
    cases = []
    form = json.loads(tokenizer.to_str())["normalizer"]
    for text in texts:
        by_form = form and form["type"].startswith("NF")
        if by_form and not same_everywhere(text, form["type"], tokenizer.normalizer):
            continue
        if form and form["type"] in ("StripAccents", "Lowercase"):
            if by_todays_unicode(text, form["type"]) != tokenizer.normalizer.normalize_str(text):
                continue
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        decoded = tokenizer.decode(plain, skip_special_tokens=False)
        cases.append(
            {
                "text": text,
                "ids": tokenizer.encode(text).ids,
                "ids_no_special": plain,
                "decoded": None if "\ufffd" in decoded else decoded,
            }
        )
    out = folder / f"tokenizer_cases_{name}.json"
    out.write_text(json.dumps(cases, ensure_ascii=True), encoding="ascii")
    print(f"{out}: {len(cases)} texts, vocabulary {tokenizer.get_vocab_size()}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    texts = list(hard_texts())
    problems = list(gsm8k_texts("test"))
    print("Unicode", unicodedata.unidata_version, "in Python")
    for name, tokenizer in [*small_tokenizers(), *sentencepiece_tokenizers()]:
        more = problems if name == "smollm" else []
        write(folder, name, tokenizer, texts + more)
    if path := os.environ.get("MATLORA_MODEL"):
        write(folder, "model", model_tokenizer(path), texts + problems + list(gsm8k_texts("train")))


if __name__ == "__main__":
    main()
