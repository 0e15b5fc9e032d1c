"""The first inputs of each corpus: `seeds.py` writes fuzz/corpus/NAME/seed-*. Plain Python; run again where a reader learns a new part."""

import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def write(target, name, content):
    path = CORPUS / target / f"seed-{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def write_json(target, name, value):
    write(target, name, json.dumps(value, ensure_ascii=False))


# safetensors

def safetensors(tensors, metadata=None):
    """tensors: {name: (dtype, shape, bytes)}."""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


floats = struct.pack("<6f", *range(6))
write("safetensors", "two", safetensors({"a": ("F32", [2, 3], floats), "b": ("BF16", [4], bytes(8))}, {"format": "pt"}))
write("safetensors", "empty", safetensors({}))
write("safetensors", "scalars", safetensors({"s": ("F16", [], bytes(2)), "none": ("F32", [0, 3], b""), "small": ("F4", [4], bytes(2)), "flag": ("BOOL", [1], b"\1")}))

# GGUF

KINDS = {"u8": (0, "<B"), "i8": (1, "<b"), "u16": (2, "<H"), "u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?"), "u64": (10, "<Q"),
         "i64": (11, "<q"), "f64": (12, "<d")}


def gguf_text(text):
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def gguf_value(kind, value):
    if kind == "text":
        return struct.pack("<I", 8) + gguf_text(value)
    if kind == "texts":
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(gguf_text, value))
    if isinstance(value, list):
        number, form = KINDS[kind]
        return struct.pack("<IIQ", 9, number, len(value)) + b"".join(struct.pack(form, one) for one in value)
    number, form = KINDS[kind]
    return struct.pack("<I", number) + struct.pack(form, value)


def gguf(entries, tensors):
    """entries: {key: (kind, value)}; tensors: {name: (dims, type, bytes)}, dims as the file has them."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, (kind, value) in entries.items():
        head += gguf_text(key) + gguf_value(kind, value)
    data = b""
    for name, (dims, kind, content) in tensors.items():
        data += bytes(-len(data) % 32)
        head += gguf_text(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", dim) for dim in dims) + struct.pack("<IQ", kind, len(data))
        data += content
    return head + bytes(-len(head) % 32) + data


write("gguf", "kinds", gguf(
    {"general.architecture": ("text", "llama"), "general.alignment": ("u32", 32), "a": ("u8", 1), "b": ("i64", -5), "c": ("f64", 0.5), "d": ("bool", True),
     "e": ("f32", [1, 2]), "f": ("texts", ["a", "é", ""]), "g": ("i32", [1, 2, 3]), "h": ("u64", 2**64 - 1)},
    {"f32": ([3, 2], 0, floats), "q8_0": ([32, 1], 8, bytes(34)), "q4_1": ([32, 2], 3, bytes(40)), "q6_k": ([256], 14, bytes(210)), "bf16": ([4], 30, bytes(8)),
     "f16": ([2, 2], 1, bytes(8))}))
# One block of every type that is dequantised.
BLOCKS = {2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
          16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 29: (256, 56), 34: (256, 54),
          35: (256, 66), 39: (32, 17)}
write("gguf", "blocks", gguf({}, {f"t{kind}": ([items], kind, bytes(range(size % 251)) + bytes(size - size % 251)) for kind, (items, size) in BLOCKS.items()}))

# JSON Lines and task files

write("jsonl", "records", '{"question": "1+1?", "answer": "2 #### 2"}\n\n{"prompt": "a", "completion": "b"}\r\n{"text": "é 🙂"}\n')
write("jsonl", "nested", '{"a": [[1, 2.5e3, {"b": null}], true], "n": -9223372036854775808}\n{}\n')
write_json("user_task", "choice", {"test": "test.jsonl", "question": "{question}\n", "choices": "{choices}", "gold": "{label}", "gold_is": "index", "shots": 1,
                                   "shots_from": "test.jsonl", "description": "Answer.", "name": "mine", "version": "2"})
write_json("user_task", "listed", {"test": "test.jsonl", "question": "Q: {question}", "choices": ["{answer}", "no {text}"], "gold": "{answer}", "first_shots": True})
write_json("user_task", "generation", {"test": "test.jsonl", "question": "{question}", "answer": "{answer}", "answer_regex": "(-?[0-9.]+)|([a-z]+)", "take": "last",
                                       "stops": ["\n\n", "Q:"], "max_new_tokens": 16})

# tokenizer.json

ADDED = [{"id": 300, "content": "<s>", "special": True, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False},
         {"id": 301, "content": "<|im_end|>", "special": True, "lstrip": True, "rstrip": True, "single_word": False, "normalized": False},
         {"id": 302, "content": "two  spaces", "special": False, "lstrip": False, "rstrip": False, "single_word": True, "normalized": True}]


def byte_characters():
    """GPT-2's characters of the bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def tokenizer(model, **parts):
    empty = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": ADDED, "normalizer": None, "pre_tokenizer": None, "post_processor": None,
             "decoder": None}
    return empty | parts | {"model": model}


vocabulary = {character: i for i, character in enumerate(byte_characters())}
vocabulary |= {"he": 256, "hel": 257, "Ġw": 258, "lo": 259, "ÃĤ": 260, "12": 261}
merges = ["h e", "he l", "Ġ w", "l o", "Ã Ĥ", "1 2"]
BPE = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
       "ignore_merges": False, "vocab": vocabulary, "merges": merges}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
TEMPLATE = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [300], "tokens": ["<s>"]}}}
PATTERN = {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"}
write_json("tokenizer_json", "gpt2", tokenizer(BPE, pre_tokenizer=BYTES, post_processor=BYTES, decoder=BYTES))
write_json("tokenizer_json", "split", tokenizer(
    BPE | {"ignore_merges": True, "merges": [merge.split(" ") for merge in merges]}, normalizer={"type": "NFC"}, decoder=BYTES, post_processor=TEMPLATE,
    pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Isolated"},
                                                         {"type": "Split", "pattern": PATTERN, "behavior": "Isolated", "invert": False}, BYTES | {"use_regex": False}]}))
pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁h", "el", "lo", "▁hel", "▁hello", "h", "e", "l", "o", "1", "2"]
SENTENCEPIECE = BPE | {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "vocab": {piece: i for i, piece in enumerate(pieces)},
                       "merges": ["▁ h", "e l", "l o", "▁h el", "▁hel lo"]}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
write_json("tokenizer_json", "llama", tokenizer(
    SENTENCEPIECE, added_tokens=[ADDED[0] | {"id": 1}], normalizer={"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    decoder={"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                                              {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}))
write_json("tokenizer_json", "metaspace", tokenizer(
    SENTENCEPIECE, added_tokens=[], pre_tokenizer=METASPACE, decoder=METASPACE, normalizer={"type": "Sequence", "normalizers": [
        {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Nmt"}]}))
UNIGRAM = {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [["<unk>", 0], ["<s>", 0], ["▁", -2.5], ["▁hel", -4], ["lo", -3], ["h", -5.5], ["e", -5.25], ["l", -5]]}
write_json("tokenizer_json", "unigram", tokenizer(UNIGRAM, added_tokens=[ADDED[0] | {"id": 1}], pre_tokenizer=METASPACE, decoder=METASPACE))
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
WORD_PIECE = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {"[UNK]": 0, "hello": 1, "##lo": 2, "he": 3, "##l": 4, "[CLS]": 5, "[SEP]": 6, ",": 7}}
write_json("tokenizer_json", "bert", tokenizer(
    WORD_PIECE, added_tokens=[], normalizer=BERT, pre_tokenizer={"type": "BertPreTokenizer"}, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
    post_processor={"type": "BertProcessing", "sep": ["[SEP]", 6], "cls": ["[CLS]", 5]}))

# Chat templates

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi é"}, {"role": "assistant", "content": "Yes?", "tool_calls": [
    {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]}, {"role": "tool", "content": "[1]"}, {"role": "assistant", "content": "One."}]
CHATML = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
LONG = ("{%- set ns = namespace(first=true) -%}{%- macro show(m, sep=', ') -%}{{ m.content | trim | upper }}{{ sep }}{%- endmacro -%}\n"
        "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set messages = messages[1:] %}{% endif %}"
        "{% for m in messages if m.role != 'tool' %}{% if loop.first and system is defined %}{{ bos_token }}{{ system }}{% endif %}"
        "{% generation %}{{ show(m, sep='|') }}{% endgeneration %}{% if m.tool_calls %}{{ m.tool_calls | map(attribute='function') | list | tojson(indent=2) }}{% endif %}"
        "{% if loop.index0 % 2 == 1 %}{{ loop.cycle('a', 'b') }}{% else %}{{ '%s-%d' % (m.role, loop.index) }}{% endif %}{% endfor %}"
        "{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% else %}none{% endfor %}{# end #}{{ raise_exception('no') if messages | length > 9 }}")
write_json("chat_template", "chatml", {"template": CHATML, "messages": MESSAGES[:2]})
write_json("chat_template", "long", {"template": LONG, "messages": MESSAGES, "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]})
