"""Makes every golden file: `make.py OUT_DIR`. Runs the scripts beside it, one process each; nothing to do if none of them changed."""

import fcntl
import hashlib
import pathlib
import subprocess
import sys

import common

HERE = pathlib.Path(__file__).resolve().parent
# In this order; absent ones are skipped.
SCRIPTS = (
    "models.py", "logits.py", "families.py", "nested_lora.py", "dequantize.py", "tokenizer.py", "random_tokenizers.py", "unicode.py", "tasks.py", "lm_eval_tasks.py", "peft_adapters.py", "adapters.py", "chat_templates.py",
)


def main() -> None:
    out = common.output_directory()
    digest = hashlib.sha256(sys.version.encode())
    for script in [*sorted(HERE.glob("*.py")), *sorted((HERE.parent / "unicode").glob("*.py")), HERE.parent / "task_data.py"]:
        digest.update(script.name.encode() + b"\0" + script.read_bytes())
    lock = open(out / ".lock", "w")  # tests run side by side
    fcntl.flock(lock, fcntl.LOCK_EX)
    stamp = out / ".stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    for name in SCRIPTS:
        if (HERE / name).exists():
            subprocess.run([sys.executable, str(HERE / name), str(out)], check=True)
    stamp.write_text(digest.hexdigest())


if __name__ == "__main__":
    main()
