"""Golden cases for matlora's task evaluation from lm-evaluation-harness itself (lm_eval_reference.py) on tiny models.

    lm_eval_tasks.py OUT_DIR    after models.py; writes tasks_data/ (tools/task_data.py), tasks_adapter/MODEL/ (PEFT) and lm_eval_tasks.json

{"runs": [{"model": folder, "adapter": folder or null, "shots": N or null for each task's own, "limit", "seed", "max_new_tokens",
"versions", "tasks", "groups"}]}, folders relative to OUT_DIR. The models take 256 tokens: gsm8k's prompts of five examples and others are
cut from the left. The adapters: random ones of rank 4, trained a little on gsm8k's scored problems, so that without examples some answers
are right and end with each kind of stop (a stop text, the end of text, the length).
"""

import json
import pathlib
import sys

import common
import lm_eval_reference
import train_reference

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import task_data  # noqa: E402

MODELS = ("tied", "untied_gqa")  # the first one's tokenizer puts BOS in front
ITEMS, RANK, STEPS, MAX_NEW_TOKENS = 24, 4, 150, 16
ENDINGS = {"finds": " #### {n}\n\nQuestion:", "boxes": " #### {n}{eos}", "degrees": " {n}</s> 0", "map": " It is {n}. #### {n}"}


def write_adapter(model_dir, problems, directory) -> None:
    tokenizer, eos = common.load_tokenizer(model_dir)
    examples = []
    for problem in problems:
        number = problem["answer"].rpartition("#### ")[2]
        text = next(ending for word, ending in ENDINGS.items() if word in problem["question"]).format(n=number, eos=eos)
        prompt = tokenizer.encode(f"Question: {problem['question']}\nAnswer:").ids
        answer = tokenizer.encode(text, add_special_tokens=False).ids
        examples.append((prompt + answer, [common.IGNORE] * len(prompt) + answer))
    initial = train_reference.random_adapter(common.load_model(model_dir), RANK, seed=5)
    method = train_reference.Method("lora", "none", rank=RANK)
    trained = train_reference.train(model_dir, (examples * STEPS)[: 4 * STEPS], initial, method, STEPS, lr=0.03)
    train_reference.write_adapter(directory, trained["adapter"], RANK, RANK, rslora=False)


def main() -> None:
    out = common.output_directory()
    common.set_threads()
    data = out / "tasks_data"
    task_data.make_tasks(data, ITEMS, 1)
    runs = []

    def run(model, adapter, lm, shots, tasks=lm_eval_reference.TASKS, limit=None, seed=1234):
        settings = {"shots": shots, "limit": limit, "seed": seed, "max_new_tokens": MAX_NEW_TOKENS}
        runs.append({"model": model, "adapter": adapter, **settings, **lm_eval_reference.evaluate(lm, tasks, data, **settings)})

    for name in MODELS:
        model, adapter = f"models/{name}", f"tasks_adapter/{name}"
        write_adapter(out / model, common.read_jsonl(data / "gsm8k" / "test.jsonl"), out / adapter)
        for folder in (None, adapter):
            lm = lm_eval_reference.load_model(out / model, folder and out / folder)
            for shots in (None, 2) if folder is None else (None,):
                run(model, folder, lm, shots)
        run(model, adapter, lm, shots=0, tasks=("gsm8k",))
        run(model, adapter, lm, shots=3, limit=5, seed=7)
    run(model, adapter, lm, shots=1, limit=1)  # no standard error
    (out / "lm_eval_tasks.json").write_text(json.dumps({"runs": runs}, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in (data, out / "tasks_adapter", out / "lm_eval_tasks.json"):
        print(path)


if __name__ == "__main__":
    main()
