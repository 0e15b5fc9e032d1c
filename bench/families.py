"""Training speed of every family compared with HF Trainer + PEFT, on random models of SmolLM2's size.

    families.py --data train.jsonl [--families gemma2,phi3] [--plain] [--steps 2] [--repeats 3] [--layers 30]

Run it with .venv-ref's Python. transformers makes each model from a configuration: 30 layers of 576 numbers, 9 heads and 3 key heads of 64,
float32, with SmolLM2's vocabulary and tokenizer. Both programs train LoRA of rank 32 on every linear layer over the same first problems,
in turn. The ratio is of medians of tokens per second. On a machine that others use, take `CPU ratio`, best with --threads 1: tokens per second of
processor time in the optimizer steps, of matlora's process the part that its steps have of its wall time.

--plain adds what a family's own part costs: each of PARTS, compared with the same model without that part, both trained by matlora.
"""

import pathlib
import resource
import shutil
import sys
import tempfile

import harness

sys.path[:0] = [str(harness.ROOT / "tools" / "golden"), str(harness.ROOT / "tests" / "parity")]

SIZES = dict(hidden_size=576, intermediate_size=1536, num_attention_heads=9, num_key_value_heads=3, max_position_embeddings=2048,
             tie_word_embeddings=True, pad_token_id=0)
GEMMA = dict(head_dim=64, query_pre_attn_scalar=64)
TWO_ROPES = dict(rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=1e6),
                                      sliding_attention=dict(rope_type="default", rope_theta=1e4)))
LONGROPE = dict(rope_type="longrope", rope_theta=1e4, short_factor=[1.0] * 24, long_factor=[2.0] * 24, partial_rotary_factor=0.75)

# name: (configuration class, what it has besides SIZES). Windows of 128 are shorter than many problems.
MODELS = {
    "llama": ("LlamaConfig", dict()),
    "mistral": ("MistralConfig", dict(sliding_window=128)),
    "qwen2": ("Qwen2Config", dict()),
    "qwen3": ("Qwen3Config", dict(head_dim=64)),
    "gemma2": ("Gemma2Config", GEMMA | dict(sliding_window=128)),
    "gemma3": ("Gemma3TextConfig", GEMMA | TWO_ROPES | dict(sliding_window=128)),
    "phi3": ("Phi3Config", dict()),
    "phi4_mini": ("Phi3Config", dict(original_max_position_embeddings=1024, rope_parameters=LONGROPE)),
    "smollm3": ("SmolLM3Config", dict()),
    "olmo2": ("Olmo2Config", dict()),
    "olmo3": ("Olmo3Config", dict(sliding_window=128)),
    "granite": ("GraniteConfig", dict(embedding_multiplier=12.0, residual_multiplier=0.22, attention_multiplier=0.015625, logits_scaling=8.0)),
}

# name of a part: (a model that has it, the same model without it)
PARTS = {
    "window of 128": (MODELS["mistral"], ("MistralConfig", dict(sliding_window=None))),
    "soft cap of scores": (MODELS["gemma2"], ("Gemma2Config", GEMMA | dict(sliding_window=128, attn_logit_softcapping=None))),
}


def make_tokenizer(gguf_path, directory):
    """SmolLM2's, and its end of text."""
    import json

    import gguf
    import smollm2_test

    tokenizer, eos = smollm2_test.build_tokenizer(gguf.GGUFReader(str(gguf_path)))
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos}))
    return tokenizer.get_vocab_size(), tokenizer.token_to_id(eos)


def make_model(kind, extra, options, directory):
    """Weights as transformers draws them. In a process of its own: this one should stay small."""
    import common
    import torch
    import transformers

    common.quiet_transformers()
    torch.manual_seed(1)
    directory.mkdir(parents=True)
    vocab_size, eos = make_tokenizer(options.model, directory)
    config = getattr(transformers, kind)(
        **(SIZES | dict(vocab_size=vocab_size, num_hidden_layers=options.layers, bos_token_id=eos, eos_token_id=eos) | extra))
    config.dtype = torch.float32
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(str(directory))


def made(model, options, directory):
    """make_model in a child process."""
    import multiprocessing

    child = multiprocessing.get_context("fork").Process(target=make_model, args=(*model, options, directory))
    child.start()
    child.join()
    if child.exitcode != 0:
        sys.exit(f"making {directory.name} failed")
    return directory


def runner_of_matlora(options, directory):
    """The options with this model, as harness.train takes them."""
    own = type(options)(**(vars(options) | {"model": str(directory)}))

    def run():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = harness.train(own, options.steps, "--method", "lora", "--batch-size", options.batch_size, "--grad-accum", 1)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return figures | {"cpu_s": cpu_s * (1 - figures["seconds_outside_steps"] / figures["wall_s"])}
    return run


def runner_of_peft(options, directory):
    return lambda: harness.run_json([
        sys.executable, harness.ROOT / "bench/train_hf_peft.py", "--model", directory, "--data", options.data, "--steps", options.steps,
        "--batch-size", options.batch_size, "--grad-accum", 1, "--threads", options.threads])


def compare(runners, options):
    """Both medians, their ratio, and how far apart the first losses are."""
    runs = harness.interleave(runners, options.repeats)
    middle = harness.medians(runs)
    first, second = runners
    losses = [runs[name][0]["losses"][0] for name in (first, second)]
    return {first: middle[first]["tokens_per_s"], second: middle[second]["tokens_per_s"],
            "ratio": middle[first]["tokens_per_s"] / middle[second]["tokens_per_s"],
            "CPU ratio": middle[second]["cpu_s"] / middle[first]["cpu_s"],
            "first losses": f"{losses[0]:.4f}, {losses[1]:.4f}", "runs": runs}


def families(options, folder):
    rows = {}
    for name in options.families.split(",") if options.families else MODELS:
        directory = made(MODELS[name], options, folder / name)
        rows[name] = compare({"matlora": runner_of_matlora(options, directory), "PEFT": runner_of_peft(options, directory)}, options)
        shutil.rmtree(directory)
        print(f"{name}: {rows[name]['ratio']:.2f}, {rows[name]['CPU ratio']:.2f} by CPU time", file=sys.stderr)
    return rows


def parts(options, folder):
    rows = {}
    for name, (with_part, without) in PARTS.items():
        both = {"with": made(with_part, options, folder / "with"), "without": made(without, options, folder / "without")}
        rows[name] = compare({key: runner_of_matlora(options, directory) for key, directory in both.items()}, options)
        for directory in both.values():
            shutil.rmtree(directory)
    return rows


def main():
    parser = harness.parser(__doc__, "families.json")
    parser.add_argument("--families", default="")
    parser.add_argument("--plain", action="store_true")
    for name, default in (("steps", 2), ("batch-size", 8), ("layers", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=pathlib.Path(options.output).parent if pathlib.Path(options.output).parent.exists() else None) as folder:
        rows = families(options, pathlib.Path(folder))
        part_rows = parts(options, pathlib.Path(folder)) if options.plain else {}
    harness.write(options, {"steps": options.steps, "batch_size": options.batch_size, "families": rows, "parts": part_rows})
    print(harness.table(["matlora", "PEFT", "ratio", "CPU ratio", "first losses"], rows))
    if part_rows:
        print(harness.table(["with", "without", "ratio", "CPU ratio", "first losses"], part_rows))


if __name__ == "__main__":
    main()
