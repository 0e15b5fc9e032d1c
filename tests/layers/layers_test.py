#!/usr/bin/env python3
"""layers.py finds what it is there to find."""
import pathlib
import tempfile
import unittest

from layers import problems, public_problems


class Layers(unittest.TestCase):
    def check(self, path, text, *expected):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "matlora/nn").mkdir(parents=True)
            (root / "matlora/nn/rope.h").write_text("")
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            found = list(problems(root))
        self.assertEqual(len(found), len(expected), found)
        for line, part in zip(found, expected):
            self.assertIn(part, line)

    def test_lower_and_own_folders_are_fine(self):
        self.check("matlora/nn/a.cpp", '#include "matlora/nn/b.h"\n#include "matlora/base/error.h"\n'
                                       "#include <ATen/ATen.h>\n")

    def test_higher_folder(self):
        self.check("matlora/nn/a.cpp", '\n#include "matlora/adapter/gate.h"\n',
                   "matlora/nn/a.cpp:2: nn includes matlora/adapter/gate.h; adapter is not below")

    def test_same_level(self):
        self.check("matlora/train/a.h", '  # include <matlora/eval/sweep.h>\n', "eval is not below")
        self.check("matlora/text/a.h", '#include "matlora/format/gguf.h"\n', "format is not below")
        self.check("matlora/data/a.h", '#include "matlora/generate/s.h"\n', "generate is not below")

    def test_torch_in_a_torch_free_folder(self):
        for header in "ATen/ATen.h", "torch/torch.h", "c10/util/Half.h":
            self.check("matlora/format/a.h", f"#include <{header}>\n", "must not need torch")

    def test_relative_include(self):
        self.check("matlora/cli/a.cpp", '#include "rope.h"\n', "from the root")
        self.check("matlora/cli/a.cpp", '#include "../nn/rope.h"\n', "from the root")

    def test_unknown_folder(self):
        self.check("matlora/util/a.h", "", "not in one of the folders")
        self.check("matlora/a.h", "", "not in one of the folders")

    def test_flags_below_cli(self):
        flag = 'fail("%s--rank", "no");\n'
        self.check("matlora/nn/a.cpp", flag % "", "nn/a.cpp:1: names a flag")
        self.check("matlora/nn/a.cpp", flag % r'try \"x\" ', "names a flag")
        self.check("matlora/cli/a.cpp", flag % "")
        self.check("matlora/nn/a.cpp", '// fail("--rank")\nf("a--, <!-- b");  // "--rank"\n')

    def test_public_headers(self):
        listed = ("target_sources(x PRIVATE\n  a.cpp\n)\n"
                  "target_sources(x PUBLIC FILE_SET HEADERS BASE_DIRS ${D} FILES\n  a.h\n)\n")
        cases = {'#include "matlora/nn/b.h"\n': "includes matlora/nn/b.h, which is not",
                 "/// Throws UserError.\n": "promises an error",
                 '#include "matlora/nn/a.h"\n#include <vector>\n': None}
        for text, expected in cases.items():
            with tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder)
                (root / "matlora/nn").mkdir(parents=True)
                (root / "matlora/nn/CMakeLists.txt").write_text(listed)
                (root / "matlora/nn/a.h").write_text(text)
                found = list(public_problems(root))
            self.assertEqual(len(found), 1 if expected else 0, found)
            if expected:
                self.assertIn(expected, found[0])

    def test_long_file(self):
        self.check("matlora/cli/a.cpp", "\n" * 400)
        self.check("matlora/cli/a.cpp", "\n" * 401, "401 lines")


if __name__ == "__main__":
    unittest.main()
