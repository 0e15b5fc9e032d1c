#!/usr/bin/env python3
"""Checks the tree against DESIGN.md's order of folders: layers.py ROOT

Every include of "matlora/X/.." must point to the same folder or to a lower level; folders of one
level do not see each other. base, format, text and tasks know no torch. No C++ file is long. Below
cli no text names a flag: messages name fields (base/error.h). The public headers, which each folder's
CMakeLists.txt lists, include no private one, and base/error.h where they promise an error.
"""
import pathlib
import re
import sys

LEVELS = [
    ["base"], ["format", "text"], ["nn", "tasks"], ["adapter"], ["model"], ["data", "generate"],
    ["train", "eval", "serve"], ["run", "report"], ["cli"],
]
LEVEL = {folder: level for level, folders in enumerate(LEVELS) for folder in folders}
TORCH_FREE = {"base", "format", "text", "tasks"}
MAX_LINES = 400
# A report shows a command to copy.
NAMES_FLAGS = {"matlora/report/decision_text.cpp"}
FLAG = re.compile(r'"(?:[^"\\]|\\.)*--[a-z]')
FACE = "matlora/matlora.h"  # in no folder; includes public headers only
PROMISE = re.compile(r"\b(UserError|FieldError|BugError)\b")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^">]+)[">]')


def problems(root):
    """One line for every violation under root/matlora."""
    for path in sorted((root / "matlora").rglob("*")):
        if path.suffix not in {".h", ".cpp", ".cu", ".cuh"}:
            continue
        folder, *rest = path.relative_to(root / "matlora").parts
        name = path.relative_to(root)
        if str(name) == FACE:
            continue
        if not rest or folder not in LEVEL:
            yield f"{name}: not in one of the folders {', '.join(LEVEL)}"
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MAX_LINES:
            yield f"{name}: {len(lines)} lines, more than {MAX_LINES}"
        for number, line in enumerate(lines, 1):
            if match := INCLUDE.match(line):
                if message := include_problem(root, folder, *match.groups()):
                    yield f"{name}:{number}: {message}"
            elif folder != "cli" and str(name) not in NAMES_FLAGS and names_flag(line):
                yield f"{name}:{number}: names a flag; a message below cli names the field"


def public_headers(root):
    """Those that a FILE_SET lists, as they are included."""
    if (root / FACE).is_file():
        yield FACE
    for path in sorted((root / "matlora").glob("*/CMakeLists.txt")):
        for files in re.findall(r"FILE_SET HEADERS [^)]*?FILES\s([^)]*)\)", path.read_text(encoding="utf-8")):
            for name in files.split():
                yield f"matlora/{path.parent.name}/{name}"


def public_problems(root):
    """One line for every public header that whoever installs matlora cannot use as it is."""
    public = list(public_headers(root))
    for name in public:
        if name.startswith("matlora/cli/"):
            yield f"{name}: cli has no public headers"
        text = (root / name).read_text(encoding="utf-8")
        included = [match[2] for line in text.splitlines() if (match := INCLUDE.match(line))]
        for one in included:
            if one.startswith("matlora/") and one not in public:
                yield f"{name}: is public and includes {one}, which is not"
        error = "matlora/base/error.h"
        if PROMISE.search(text) and error not in [name, *included]:
            yield f"{name}: promises an error and does not include {error}"


def include_problem(root, folder, quote, included):
    first, _, rest = included.partition("/")
    if folder in TORCH_FREE and first in {"ATen", "torch", "c10", "caffe2"}:
        return f"{folder} includes {included}; it must not need torch"
    if first != "matlora":
        # An include path is the source path: nothing of ours is reached any other way.
        return f'write "{included}" from the root' if quote == '"' and local(root, included) else None
    target = rest.partition("/")[0]
    if target not in LEVEL:
        return f"includes {included}, which is in no known folder"
    if target != folder and LEVEL[target] >= LEVEL[folder]:
        return f"{folder} includes {included}; {target} is not below it"
    return None


def names_flag(line):
    return not line.lstrip().startswith("//") and FLAG.search(line.partition("  // ")[0])


def local(root, included):
    return included.startswith(".") or any((root / "matlora" / f / included).is_file() for f in LEVEL)


def main():
    root = pathlib.Path(sys.argv[1])
    if not (root / "matlora").is_dir():
        sys.exit(f"{root}: no folder matlora")
    found = [*problems(root), *public_problems(root)]
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
