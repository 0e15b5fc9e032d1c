"""README's Python lines on the adapter that README's commands made from a GGUF base: it loads, and answers what matlora answers.

The tiny model stands for SmolLM2: its GGUF file for the base of training, its Hugging Face directory for the repository that PEFT loads.
"""

import contextlib
import io
import os
import re
import subprocess

import parity

MODEL, REPOSITORY = "untied_gqa", "HuggingFaceTB/SmolLM2-135M-Instruct"
QUESTION = "For how many days are logs kept?"


def blocks(language):
    text = (parity.ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def main():
    suite = parity.Suite("readme_test")
    hub = parity.golden() / "models" / MODEL
    checkout = suite.tmp / "checkout"
    (checkout / "build" / "release").mkdir(parents=True)
    (checkout / ".models").mkdir()
    (checkout / "build" / "release" / "matlora").symlink_to(suite.binary)
    (checkout / ".models" / "SmolLM2-135M-Instruct.Q4_1.gguf").symlink_to(f"{hub}.gguf")
    script = "set -euo pipefail\n" + "".join(blocks("sh")[:2]).replace(REPOSITORY, str(hub))
    done = subprocess.run(["bash", "-c", script], cwd=checkout, capture_output=True, text=True)
    suite.equal("README", "the commands' exit code", (done.returncode, done.stderr[-300:] if done.returncode else ""), (0, ""))

    mine, (lines,) = checkout / "demo" / "mine", blocks("python")
    config = parity.read_json(mine / "out-r4" / "adapter_config.json")
    suite.equal("README", "base_model_name_or_path of the slice", config["base_model_name_or_path"], str(hub))
    for adapter in ("out-r4", "out"):
        printed = io.StringIO()
        os.chdir(mine)
        with contextlib.redirect_stdout(printed):
            exec(compile(lines.replace(REPOSITORY, str(hub)).replace('"out-r4"', f'"{adapter}"'), "README.md", "exec"), {})
        # The full adapter's PEFT files have the scale of the paper's gate.
        answer = suite.matlora("generate", "--model", hub, "--adapter", mine / adapter, "--inference-gate", "paper", "--question", QUESTION,
                               "--max-new-tokens", 32, "--dtype", "float32", "--device", "cpu", "--quiet")
        suite.equal(f"README, {adapter}", "the Python lines' answer", printed.getvalue().strip(), f"Question: {QUESTION}\nAnswer: {answer}".strip())

    plain = suite.matlora("generate", "--model", hub, "--question", QUESTION, "--max-new-tokens", 32, "--dtype", "float32", "--quiet")
    suite.equal("README", "the adapter changes the answer", plain != answer and answer.strip() != "", True)

    # A Hugging Face directory is named by its absolute path, also where it was given by another.
    os.chdir(hub.parent)
    suite.matlora("train", "--model", hub.name, "--data", mine / "train.jsonl", "--output", suite.tmp / "directory", "--max-steps", 1,
                  "--rank", 4, "--quiet")
    config = parity.read_json(suite.tmp / "directory" / "adapter_config.json")
    suite.equal("a directory", "base_model_name_or_path", config["base_model_name_or_path"], str(hub.resolve()))
    suite.finish()


if __name__ == "__main__":
    main()
