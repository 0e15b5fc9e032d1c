"""What llama.cpp computes with files that matlora wrote: `.venv-llama/bin/python tests/interop/llama_cpp_test.py build/release/matlora`.

1. GGUF adapters of three ranks and three scalings, on tiny float32 models of two families with grouped queries: the loss of a text is `sweep`'s.
2. An adapter of SmolLM2 (Q4_1): llama.cpp rounds activations to 8 bits, so the loss is near `sweep`'s, and far nearer than the base's.
3. The same adapter merged, float32 and q8_0: loss and greedy continuation of float32 are matlora's.
`make interop` installs llama.cpp (compiled from PyPI's source package) and runs this. Exit 0 passed, 1 failed, 77 something is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import llama_cpp
    import numpy as np
except ImportError as error:
    print(f"skipped: no {error.name}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = pathlib.Path(os.environ.get("MATLORA_GOLDEN", ROOT / "build/golden"))
SMOLLM2 = pathlib.Path(os.environ.get("MATLORA_MODEL", ROOT / ".models/SmolLM2-135M-Instruct.Q4_1.gguf"))
BINARY = pathlib.Path(sys.argv[1]).resolve()
TINY = ["models/untied_gqa.gguf", "families/qwen2.gguf"]
TEXT = "The gateway uses port 7411, and logs are kept for 30 days. Two people of the storage team approve a change."
RECORDS = [{"text": TEXT}, {"text": "Question: Which port does the gateway use?\nAnswer: The gateway uses port 7411."}]
failures = 0


def matlora(*arguments):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAILED: matlora {' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def check(name, ours, theirs, tolerance):
    """Relative."""
    global failures
    error = abs(ours - theirs) / abs(ours)
    good = error <= tolerance
    failures += not good
    print(f"{'ok    ' if good else 'FAILED'} {name}: {ours:.6f} {theirs:.6f} ({error:.1e} of {tolerance:.0e})", flush=True)


def load(path, lora=None):
    float32 = 0  # GGML_TYPE_F32, of the cache
    return llama_cpp.Llama(str(path), lora_path=str(lora) if lora else None, logits_all=True, n_ctx=256, n_threads=2, n_gpu_layers=0, type_k=float32,
                           type_v=float32, flash_attn=False, verbose=False)


def loss(model, ids):
    """Nats per token behind the first."""
    model.reset()
    model.eval(ids)
    scores = np.array(model.scores[:len(ids)], dtype=np.float64)
    logs = scores - scores.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return -float(np.mean([logs[i, ids[i + 1]] for i in range(len(ids) - 1)]))


def greedy(model, ids, count):
    model.reset()
    model.eval(ids)
    result = []
    for _ in range(count):
        result.append(int(np.argmax(model.scores[model.n_tokens - 1])))
        model.eval(result[-1:])
    return result


def sweep(work, name, model, adapter, ranks):
    """{rank: loss} of TEXT, and its ids with the end."""
    data = work / "text.jsonl"
    data.write_text(json.dumps({"text": TEXT}) + "\n")
    matlora("sweep", "--model", model, *(["--adapter", adapter] if adapter else []), "--data", data, "--ranks", ranks, "--dtype", "float32", "--output",
            work / f"{name}-sweep", "--quiet")
    rows = json.loads((work / f"{name}-sweep/sweep.json").read_text())["rows"]
    return {row["rank"]: row["loss"] for row in rows}


def ids_of(model):
    return json.loads(matlora("tokenize", "--model", model, "--text", TEXT).splitlines()[0])


def train(work, name, model, *flags):
    data = work / "train.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    matlora("train", "--model", model, "--data", data, "--output", work / name, "--dtype", "float32", "--quiet", "--batch-size", 2, "--grad-accum", 1, *flags)
    return work / name


def with_end(model):
    """sweep's record of a text ends with EOS; llama.cpp says which it is."""
    return [*ids_of(model), load(model).token_eos()]


def tiny_models(work):
    for path in TINY:
        base, family = GOLDEN / path, pathlib.Path(path).stem
        ids = with_end(base)
        check(f"{family}, the base", sweep(work, family, base, None, "0")[0], loss(load(base), ids), 1e-6)
        for scaling in ("none", "rank", "sqrt"):
            adapter = train(work, f"{family}-{scaling}", base, "--method", "lora", "--rank", 8, "--scaling", scaling, "--max-steps", 6, "--lr", "3e-2")
            ours = sweep(work, f"{family}-{scaling}", base, adapter, "1,3,8")
            for rank in (1, 3, 8):
                lora = work / f"{family}-{scaling}-{rank}.gguf"
                matlora("export", "--adapter", adapter, "--model", base, "--rank", rank, "--format", "gguf", "--output", lora, "--quiet")
                check(f"{family}, scaling {scaling}, rank {rank}", ours[rank], loss(load(base, lora), ids), 1e-6)


def smollm2(work):
    ids = with_end(SMOLLM2)
    adapter = train(work, "smollm2", SMOLLM2, "--rank", 8, "--max-steps", 4)
    ours = sweep(work, "smollm2", SMOLLM2, adapter, "0,4")
    lora = work / "smollm2-4.gguf"
    matlora("export", "--adapter", adapter, "--rank", 4, "--format", "gguf", "--output", lora, "--quiet")
    print(f"       SmolLM2: the base {ours[0]:.4f}, rank 4 {ours[4]:.4f}")
    check("SmolLM2 Q4_1, rank 4", ours[4], loss(load(SMOLLM2, lora), ids), 2e-2)
    for dtype, tolerance in (("float32", 1e-4), ("q8_0", 1e-2)):
        merged = work / f"merged-{dtype}.gguf"
        matlora("merge", "--model", SMOLLM2, "--adapter", adapter, "--rank", 4, "--dtype", dtype, "--output", merged, "--quiet")
        model = load(merged)
        check(f"SmolLM2 merged, {dtype}", ours[4], loss(model, ids), tolerance)
        if dtype == "float32":
            prompt = "Question: Which port does the gateway use?\nAnswer:"
            text = matlora("generate", "--model", SMOLLM2, "--adapter", adapter, "--rank", 4, "--prompt", prompt, "--max-new-tokens", 24, "--dtype", "float32")
            start = json.loads(matlora("tokenize", "--model", SMOLLM2, "--text", prompt).splitlines()[0])
            theirs = model.detokenize(greedy(model, start, 24)).decode("utf-8", "replace")
            global failures
            same = theirs.strip().startswith(text.strip()) and len(text.strip()) > 0
            failures += not same
            print(f"{'ok    ' if same else 'FAILED'} greedy continuation: {text.strip()!r} {theirs.strip()!r}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        tiny_models(pathlib.Path(folder))
        smollm2(pathlib.Path(folder))
    print(f"{failures} differences" if failures else "all equal")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
