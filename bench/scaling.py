"""How the cost of training grows: tokens/s and peak memory over sequence length, rank, batch, threads and model size.

    scaling.py --data train.jsonl [--repeats 3] [--only length,rank,batch,threads,size]

Writes build/bench/scaling.json and build/bench/scaling.svg, on an idle machine. The picture in docs
is drawn from the tables of docs/benchmarks.md by bench/figures.py: new figures go there.
Sequence lengths come from one long text cut at that length; the other series train the first GSM8K problems. `size` compares SmolLM2-135M
with random weights in the shape of Llama-3.2-1B (a directory made once, 5 GB).
"""

import json
import os
import pathlib
import sys
import tempfile

import figures
import harness

LENGTHS = [64, 128, 256, 512, 1024, 2048, 4096]
RANKS = [1, 4, 16, 64, 192]  # k_proj allows no more
BATCHES = [1, 2, 4, 8, 16, 32]


def long_text(data, path, tokens):
    """A record whose text is longer than `tokens` tokens."""
    text = ""
    with open(data, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            text += row["question"] + " " + row["answer"] + "\n"
            if len(text) > 8 * tokens:
                break
    path.write_text(json.dumps({"text": text}) + "\n")
    return path


def make_llama_1b(model, directory):
    """Random weights in the shape of Llama-3.2-1B, with SmolLM2's tokenizer."""
    sys.path[:0] = [str(harness.ROOT / "tools/golden"), str(harness.ROOT / "tests/parity")]
    import gguf
    import smollm2_test
    import torch
    import transformers

    tokenizer, _ = smollm2_test.build_tokenizer(gguf.GGUFReader(model))
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
        vocab_size=128256, max_position_embeddings=8192, tie_word_embeddings=True, rope_theta=500000.0, bos_token_id=1, eos_token_id=2)
    transformers.LlamaForCausalLM(config).save_pretrained(directory)


def llama_1b(options):
    """Where it is; made once, by a process of its own, since a child's peak memory counts what its parent held when it began."""
    directory = pathlib.Path(options.output).parent / "llama-1b"
    if not (directory / "model.safetensors").exists():
        harness.run([sys.executable, __file__, "--data", options.data, "--model", options.model, "--make-llama-1b", directory])
    return directory


def series(options, directory):
    """{series: {x: runner}}"""
    text = long_text(options.data, directory / "text.jsonl", max(LENGTHS))

    def train(*flags, rank=32, data=options.data, threads=None, model=None):
        changed = type(options)(**vars(options) | {"data": data, "threads": threads or options.threads, "model": model or options.model})
        return lambda: harness.train(changed, 1, *flags, rank=rank)

    all_series = {
        "length": {n: train("--max-length", n, "--batch-size", 1, "--grad-accum", 1, data=text) for n in LENGTHS},
        "rank": {rank: train("--batch-size", 8, "--grad-accum", 1, rank=rank) for rank in RANKS},
        "batch": {batch: train("--batch-size", batch, "--grad-accum", 1) for batch in BATCHES},
        "threads": {n: train("--batch-size", 8, "--grad-accum", 1, threads=n) for n in sorted({1, options.threads})},
    }
    if "size" in options.only:
        one_b = llama_1b(options)
        small = ("--batch-size", 4, "--grad-accum", 1)
        all_series["size"] = {"135M": train(*small), "1B shape": train(*small, model=one_b)}
    return {name: all_series[name] for name in options.only.split(",")}


def main():
    parser = harness.parser(__doc__, "scaling.json")
    parser.add_argument("--only", default="length,rank,batch,threads,size")
    parser.add_argument("--picture", default=str(harness.ROOT / "build/bench/scaling.svg"))
    parser.add_argument("--make-llama-1b", help="only make the random model, in this directory")
    options = parser.parse_args()
    if options.make_llama_1b:
        return make_llama_1b(options.model, pathlib.Path(options.make_llama_1b))
    result = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, runners in series(options, pathlib.Path(directory)).items():
            result[name] = harness.medians(harness.interleave(runners, options.repeats))
            print(f"\n{name}\n" + harness.table(["tokens_per_s", "peak_rss_mib"], result[name]), flush=True)
    harness.write(options, result)
    if all(name in result for name in ("length", "rank", "batch")):
        series = {name: {x: (row["tokens_per_s"], row["peak_rss_mib"]) for x, row in result[name].items()} for name in ("length", "rank", "batch")}
        pathlib.Path(options.picture).write_text(figures.scaling_svg(series), encoding="utf-8")


if __name__ == "__main__":
    main()
