"""Training side by side: HF Trainer + PEFT (train_hf_peft.py), `matlora train`, and its matrix products alone (replay.cpp).

    train_compare.py --data train.jsonl [--steps 2] [--repeats 3] [--peers hf_peft,lora,..]

Run it with .venv-ref's Python, on an idle machine. All do the same work: the first steps x 8 x 4 problems in order, float32, rank 32 (or
what the name says) on all seven layers. tokens_per_s is over the optimizer steps; peak memory is the kernel's figure for the process.
"""

import sys

import harness


def main():
    parser = harness.parser(__doc__, "train.json")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--peers", default="")
    options = parser.parse_args()

    def matlora(method, rank=32):
        return lambda: harness.train(options, options.steps, "--method", method, rank=rank)

    runners = {
        "hf_peft": lambda: harness.run_json([sys.executable, harness.ROOT / "bench/train_hf_peft.py", "--model", options.model, "--data",
                                             options.data, "--steps", options.steps, "--threads", options.threads]),
        "lora": matlora("lora"), "matryoshka": matlora("matryoshka"), "dylora": matlora("dylora"),
        "replay": lambda: harness.replay(options, 32, options.steps, "train"),
        "lora_192": matlora("lora", 192), "replay_192": lambda: harness.replay(options, 192, options.steps, "train"),  # k_proj's largest
    }
    if options.peers:
        runners = {name: runners[name] for name in options.peers.split(",")}
    runs = harness.interleave(runners, options.repeats)
    middle = harness.medians(runs)

    def ratio(a, b):
        return middle[a]["tokens_per_s"] / middle[b]["tokens_per_s"] if a in middle and b in middle else None

    ratios = {f"{a}/{b}": ratio(a, b) for a, b in (("lora", "hf_peft"), ("matryoshka", "hf_peft"), ("matryoshka", "lora"), ("dylora", "lora"),
                                                   ("lora", "replay"), ("matryoshka", "replay"), ("lora_192", "replay_192"))}
    harness.write(options, {"steps": options.steps, "medians": middle, "ratios": ratios, "runs": runs})
    print(harness.table(["tokens_per_s", "peak_rss_mib", "seconds_to_first_step", "seconds_outside_steps"], middle))
    print(*(f"{name}: {value:.3f}" for name, value in ratios.items() if value), sep="\n")


if __name__ == "__main__":
    main()
