"""EleutherAI's lm-evaluation-harness on local task files: the reference for matlora's tasks, a library and a command.

    lm_eval_reference.py --model HF_DIR_OR_GGUF [--peft DIR] --tasks gsm8k,arc_easy,mmlu --task-data DATA --output FILE.json
                         [--shots N] [--limit N] [--seed 1234] [--max-new-tokens N] [--dtype float32] [--threads N] [--batch-size N]

The tasks are the harness's own YAML files and classes, run by its simple_evaluate and HFLM; only where their data comes from is
changed, to DATA/TASK/SPLIT.jsonl and DATA/mmlu/SUBJECT/SPLIT.jsonl (tools/task_data.py). Of mmlu's subjects those with a folder are run.
No network. A .gguf is read with tests/parity/smollm2_test.py's builder: SmolLM2's only.

FILE.json: {"versions": {..}, "groups": {..}, "tasks": {NAME: {"version", "shots", "n", "acc,none", "acc_stderr,none", .., "samples"}}}.
A sample: "index" (doc_id), "prompt" (and "prompts", one a choice, where they differ: winogrande), "target", "metrics"; of choices "choices"
(as scored, with the space before) and "loglikelihoods" [[sum, is_greedy], ..]; of generation "response" and "filtered" {filter: text}.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import pathlib
import sys
import tempfile

import common

os.environ["HF_DATASETS_OFFLINE"] = "1"

SOURCES = ("gsm8k", "arc", "hellaswag", "winogrande", "piqa", "openbookqa", "super_glue/boolq", "mmlu/default")
TASKS = ("gsm8k", "arc_easy", "arc_challenge", "hellaswag", "winogrande", "mmlu", "piqa", "openbookqa", "boolq")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def load_model(model, peft=None, dtype="float32", batch_size=1):
    """The harness's model: HFLM."""
    from lm_eval.models.huggingface import HFLM

    common.quiet_transformers()
    if pathlib.Path(model).is_dir():
        return HFLM(pretrained=str(model), peft=peft and str(peft), dtype=dtype, device="cpu", batch_size=batch_size)
    import gguf
    import torch
    import transformers

    sys.path.append(str(ROOT / "tests" / "parity"))
    import smollm2_test

    reader = gguf.GGUFReader(str(model))
    assert smollm2_test.field(reader, "tokenizer.ggml.pre") == "smollm", f"{model}: no SmolLM2"
    bare, eos = smollm2_test.build_tokenizer(reader)
    ids = {name: smollm2_test.field(reader, f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bare, eos_token=eos, bos_token=bare.id_to_token(ids["bos"]),
                                                     clean_up_tokenization_spaces=False)
    built = smollm2_test.build_model(reader).to(getattr(torch, dtype))
    built.generation_config.eos_token_id = ids["eos"]
    if peft:
        import peft as peft_library

        built = peft_library.PeftModel.from_pretrained(built, str(peft)).eval()
    return HFLM(pretrained=built, tokenizer=tokenizer, batch_size=batch_size)


def task_manager(data, cache):
    """A TaskManager whose tasks read the files of `data`."""
    import lm_eval.tasks
    from lm_eval.tasks._index import Kind
    from lm_eval.tasks._yaml_loader import load_yaml

    here = pathlib.Path(lm_eval.tasks.__file__).parent
    manager = lm_eval.tasks.TaskManager(include_path=[here / source for source in SOURCES], include_defaults=False)
    local = set()
    for name, entry in manager.task_index.items():
        folder = pathlib.Path(data) / ("mmlu/" + name.removeprefix("mmlu_") if name.startswith("mmlu_") else name)
        files = {path.stem: str(path) for path in sorted(folder.glob("*.jsonl"))}
        if entry.kind is Kind.TASK and files:
            entry.cfg = load_yaml(entry.yaml_path) | {
                "dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": files, "cache_dir": cache}}
            entry.yaml_path = None  # else it would be read again
            local.add(name)
    for entry in manager.task_index.values():
        if entry.kind is Kind.TAG:
            entry.tags &= local
    return manager


def sample_of(rows):
    """The log_samples of one document, a row a filter, as one record."""
    first, record = rows[0], {}
    contexts = [arguments[0] for arguments in first["arguments"]]
    record |= {"index": first["doc_id"], "prompt": contexts[0], "target": first["target"]}
    if len(set(contexts)) > 1:
        record["prompts"] = contexts
    responses = [response[0] for response in first["resps"]]
    if isinstance(responses[0], str):
        record |= {"response": responses[0], "filtered": {row["filter"]: row["filtered_resps"][0] for row in rows}}
    else:
        record |= {"choices": [arguments[1] for arguments in first["arguments"]], "loglikelihoods": [list(pair) for pair in responses]}
    record["metrics"] = {f"{metric},{row['filter']}": float(row[metric]) for row in rows for metric in row["metrics"]}
    return record


def numbers(row):
    return {key: float(value) if value != "N/A" else value for key, value in row.items() if "," in key}


def evaluate(lm, tasks, data, shots=None, limit=None, seed=1234, max_new_tokens=None):
    """{"versions", "tasks", "groups"} of the tasks' names; shots: None for each task's own."""
    import datasets
    import lm_eval.evaluator

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    lm_eval.evaluator.add_env_info = lambda results: None  # seconds of asking pip, lscpu and others
    lm_eval.evaluator.get_git_commit_hash = lambda: None
    with tempfile.TemporaryDirectory() as cache, contextlib.redirect_stderr(io.StringIO()):  # progress bars
        results = lm_eval.evaluator.simple_evaluate(
            model=lm, tasks=list(tasks), num_fewshot=shots, limit=limit, fewshot_random_seed=seed, task_manager=task_manager(data, cache),
            gen_kwargs=None if max_new_tokens is None else {"max_gen_toks": max_new_tokens})
    report = {"versions": versions(), "tasks": {}, "groups": {}}
    for name, rows in results["samples"].items():
        documents = {}
        for row in rows:
            documents.setdefault(row["doc_id"], []).append(row)
        report["tasks"][name] = {
            "version": results["versions"][name], "shots": results["n-shot"][name], "n": results["n-samples"][name]["effective"],
            **numbers(results["results"][name]), "samples": [sample_of(documents[index]) for index in sorted(documents)]}
    for name, row in results.get("groups", {}).items():
        report["groups"][name] = {"version": results["versions"][name], "n": row["sample_len"], **numbers(row)}
    return report


def versions():
    import importlib.metadata

    return {name: importlib.metadata.version(name) for name in ("lm_eval", "transformers", "peft", "torch", "tokenizers", "datasets")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "tasks", "task-data", "output"):
        parser.add_argument(f"--{name}", required=True)
    for name, default in (("shots", None), ("limit", None), ("seed", 1234), ("max-new-tokens", None), ("threads", 1), ("batch-size", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peft")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    common.set_threads(options.threads)
    lm = load_model(options.model, options.peft, options.dtype, options.batch_size)
    report = evaluate(lm, options.tasks.split(","), options.task_data, options.shots, options.limit, options.seed, options.max_new_tokens)
    pathlib.Path(options.output).write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name, row in [*report["tasks"].items(), *report["groups"].items()]:
        print(name, json.dumps({key: value for key, value in row.items() if key != "samples"}))


if __name__ == "__main__":
    main()
