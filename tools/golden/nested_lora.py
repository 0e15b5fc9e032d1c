"""Makes OUT/nested_lora.safetensors: one Matryoshka layer, forward and backward, in float64.

Reference: DESIGN section 1 and MatryoshkaLoRA (arXiv 2605.07850), Algorithm 1, as a loop over the training ranks; the gate's
closed form is stored beside it and never used to compute y, so that a test of the closed form is a test.

    y = x Wᵀ + c Σ_{r in S} s(r) (x A[:r]ᵀ) B[:, :r]ᵀ      c = 1 for mask `diag`, 1/n for mask `binary`

Names: R [1]; per set of training ranks `powers` {1,2,4,8} and `irregular` {3,5}, mask and scaling:
    SET.train_ranks [n]; SET.{x, A, B, W, dy}; SET.MASK.SCALING.{gate, y, dA, dB, dx}
and for rank k at inference with the paper's gate, SET.SCALING.rank_K.y for K = 0..8.
The `powers` set is also there under the short names MASK.SCALING.{x, A, B, gate, W, y, dy, dA, dB, dx}.
"""

import common

RANK, INPUT, OUTPUT, BATCH = 8, 12, 10, (2, 5)
SETS = {"powers": (1, 2, 4, 8), "irregular": (3, 5)}


def main() -> None:
    import torch
    from safetensors.torch import save_file

    out = common.output_directory()
    generator = torch.Generator().manual_seed(11)

    def random(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    tensors = {"R": torch.tensor([RANK])}
    for set_name, ranks in SETS.items():
        x, W, dy = random(*BATCH, INPUT), random(OUTPUT, INPUT), random(*BATCH, OUTPUT)
        A, B = random(RANK, INPUT), random(OUTPUT, RANK)
        given = {"x": x, "A": A, "B": B, "W": W, "dy": dy}
        tensors[f"{set_name}.train_ranks"] = torch.tensor(ranks)
        tensors |= {f"{set_name}.{key}": value for key, value in given.items()}
        for scaling in ("none", "rank", "sqrt"):
            for k in range(RANK + 1):
                y = x @ W.T
                if k > 0:
                    y = y + common.scale(scaling, k) * (x @ A[:k].T) @ B[:, :k].T
                tensors[f"{set_name}.{scaling}.rank_{k}.y"] = y
            for mask, factor in (("diag", 1.0), ("binary", 1.0 / len(ranks))):
                xg, Ag, Bg = (t.clone().requires_grad_() for t in (x, A, B))
                y = xg @ W.T
                for r in ranks:
                    y = y + factor * common.scale(scaling, r) * (xg @ Ag[:r].T) @ Bg[:, :r].T
                dx, dA, dB = torch.autograd.grad(y, (xg, Ag, Bg), dy)
                gate = [factor * sum(common.scale(scaling, r) for r in ranks if r > i) for i in range(RANK)]
                result = {"gate": torch.tensor(gate, dtype=torch.float64), "y": y.detach(), "dA": dA, "dB": dB, "dx": dx}
                tensors |= {f"{set_name}.{mask}.{scaling}.{key}": value for key, value in result.items()}
                if set_name == "powers":
                    tensors |= {f"{mask}.{scaling}.{key}": value for key, value in (given | result).items()}
    path = out / "nested_lora.safetensors"
    tensors = {key: value.clone().contiguous() for key, value in tensors.items()}
    save_file(tensors, str(path), metadata={"made_by": "tools/golden/nested_lora.py", "train_ranks": "1,2,4,8", "R": str(RANK)})
    print(path)


if __name__ == "__main__":
    main()
