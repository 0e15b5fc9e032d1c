"""Chat templates by transformers and jinja2: conversations through the templates of the field, and small Jinja cases.

OUT_DIR/chat_templates.json: {"now", "templates": {name: source}, "conversations": {name: {..}}, "renderings": [..]};
OUT_DIR/jinja_cases.json: [{"source", "text"} or {"source", "error", "message", "line"}]. The templates come from the
source package of llama-cpp-python (vendor/llama.cpp/models/templates), which is fetched once into OUT_DIR/llama_templates.
"""

import datetime
import itertools
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

import common
from chat_conversations import CONVERSATIONS, OWN_TEMPLATES
from jinja_cases import VARIABLES, sources

PACKAGE = "llama-cpp-python==0.3.36"
NOW = datetime.datetime(2026, 7, 26, 12, 34, 56)


def field_templates(folder: pathlib.Path) -> dict:
    """Name -> source; fetched when the folder is not there."""
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", work, PACKAGE], check=True
            )
            (archive,) = pathlib.Path(work).glob("*.tar.gz")
            part = folder.with_suffix(".part")
            part.mkdir(exist_ok=True)
            with tarfile.open(archive) as tar:
                for member in tar:
                    if "/vendor/llama.cpp/models/templates/" in member.name and member.name.endswith(".jinja"):
                        (part / pathlib.Path(member.name).name).write_bytes(tar.extractfile(member).read())
            part.rename(folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


def error_of(error: Exception) -> dict:
    return {"error": type(error).__name__, "message": str(error), "line": getattr(error, "lineno", None)}


def stable(text: str) -> bool:
    """Not so where Python prints an address."""
    return not re.search(r"(object|method|function|cell|at) .*0x[0-9a-f]{6,}", text)


def byte_ranges(text: str, ranges) -> list:
    return [[len(text[:begin].encode()), len(text[:end].encode())] for begin, end in ranges]


def render(utils, source: str, conversation: dict) -> dict:
    arguments = {"bos_token": "<s>", "eos_token": "</s>", **conversation.get("variables", {})}
    try:
        texts, ranges = utils.render_jinja_template(
            [conversation["messages"]],
            tools=conversation.get("tools"),
            documents=conversation.get("documents"),
            chat_template=source,
            return_assistant_tokens_mask=True,
            add_generation_prompt=conversation.get("add_generation_prompt", False),
            **arguments,
        )
    except Exception as error:  # all that a template may do
        return error_of(error)
    return {"text": texts[0], "generated": byte_ranges(texts[0], ranges[0])}


def renderings(utils, templates: dict) -> list:
    rows = []
    for (name, source), (title, conversation) in itertools.product(templates.items(), CONVERSATIONS.items()):
        result = render(utils, source, conversation)
        if stable(result.get("text", "")):
            rows.append({"template": name, "conversation": title, **result})
    return rows


def jinja_case(utils, source: str) -> dict:
    try:
        return {"source": source, "text": utils._compile_jinja_template(source).render(**VARIABLES)}
    except Exception as error:
        return {"source": source, **error_of(error)}


def main() -> None:
    out = common.output_directory()
    common.quiet_transformers()
    from transformers.utils import chat_template_utils as utils

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return NOW

    utils.datetime = Clock
    templates = {**OWN_TEMPLATES, **field_templates(out / "llama_templates")}
    rows = renderings(utils, templates)
    golden = {"now": NOW.timetuple()[:6], "templates": templates, "conversations": CONVERSATIONS, "renderings": rows}
    (out / "chat_templates.json").write_text(json.dumps(golden))
    print(f"{out / 'chat_templates.json'}: {len(templates)} templates, {len(rows)} renderings")
    cases = [jinja_case(utils, source) for source in dict.fromkeys(sources())]
    cases = [case for case in cases if stable(case.get("text", ""))]
    (out / "jinja_cases.json").write_text(json.dumps({"variables": VARIABLES, "cases": cases}))
    print(f"{out / 'jinja_cases.json'}: {len(cases)} cases")


if __name__ == "__main__":
    main()
