"""A PyTorch reference of nested LoRA training and of the loss at every rank: a library, used by tests/parity.

Written from DESIGN section 1 and arXiv 2605.07850 (Matryoshka), 2106.09685 (LoRA), 2210.07558 (DyLoRA), over transformers' Llama.
A layer's update is a list of terms (r, w):  delta(x) = Σ w (x A[:r]ᵀ) B[:, :r]ᵀ.  No gate is formed here.
The recipe is HF Trainer's: AdamW without decay, linear decay to 0, clip to norm 1, the loss of an optimizer step being the sum of its
token losses over the number of its label tokens. Examples go through the model one at a time, so nothing is padded.
"""

import json
import pathlib
from dataclasses import dataclass

import common
import torch
from safetensors.torch import load_file, save_file

PREFIX = "base_model.model."


@dataclass(frozen=True)
class Method:
    name: str = "matryoshka"  # or lora, dylora (with a single training rank), nested
    scaling: str = "sqrt"
    mask: str = "diag"
    rank: int = 8
    train_ranks: tuple = (1, 2, 4, 8)

    def training_terms(self):
        if self.name == "lora":
            return [(self.rank, common.scale(self.scaling, self.rank))]
        if self.name == "dylora":
            (r,) = self.train_ranks
            return [(r, common.scale(self.scaling, self.rank if self.mask == "constant" else r))]
        if self.mask == "constant":
            return [(self.rank, common.scale(self.scaling, self.rank))]
        factor = 1.0 if self.mask == "diag" else 1.0 / len(self.train_ranks)
        return [(r, factor * common.scale(self.scaling, r)) for r in self.train_ranks]

    def inference_terms(self, k: int, gate: str):
        if k == 0:
            return []
        if self.name == "dylora":
            return [(k, common.scale(self.scaling, self.rank if self.mask == "constant" else k))]
        if gate == "paper" and self.name != "nested":
            return [(k, common.scale(self.scaling, k))]
        return self.cut_terms(k)

    def cut_terms(self, k: int):
        """The training terms of the first k directions."""
        return [(min(r, k), weight) for r, weight in self.training_terms()]

    def gate(self):
        """The full rank's g_i, as a tensor."""
        return torch.tensor([sum(weight for r, weight in self.training_terms() if i < r) for i in range(self.rank)])


class Adapted(torch.nn.Module):
    def __init__(self, linear, A, B):
        super().__init__()
        self.linear, self.terms = linear, []
        self.A, self.B = torch.nn.Parameter(A.clone()), torch.nn.Parameter(B.clone())

    def forward(self, x):
        y = self.linear(x)
        for r, weight in self.terms:
            y = y + weight * (x @ self.A[:r].T) @ self.B[:, :r].T
        return y


def attach(model, adapter: dict) -> dict:
    """Wraps the targets in place; returns the module path -> Adapted."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    layers = {}
    for path, module in list(model.named_modules()):
        parent, _, leaf = path.rpartition(".")
        if leaf in common.TARGETS + common.FUSED:
            names = [f"{PREFIX}{path}.lora_{side}.weight" for side in "AB"]
            dtype = module.weight.dtype
            layers[path] = Adapted(module, *(adapter[name].to(dtype) for name in names))
            setattr(model.get_submodule(parent), leaf, layers[path])
    assert 2 * len(layers) == len(adapter), "the adapter holds tensors of other modules"
    return layers


def read_adapter(directory) -> dict:
    return load_file(str(pathlib.Path(directory) / "adapter_model.safetensors"))


def write_adapter(directory, tensors: dict, rank: int, alpha: int, rslora: bool) -> None:
    """A PEFT adapter directory as CONVENTIONS 1.1 has it."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config = dict(
        alpha_pattern={}, auto_mapping=None, base_model_name_or_path="tiny", bias="none", fan_in_fan_out=False, inference_mode=True,
        init_lora_weights=True, layers_pattern=None, layers_to_transform=None, lora_alpha=alpha, lora_dropout=0.0, modules_to_save=None,
        peft_type="LORA", r=rank, rank_pattern={}, revision=None, target_modules=sorted({key.split(".")[-3] for key in tensors}), task_type="CAUSAL_LM",
        use_rslora=rslora, use_dora=False)
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(tensors, str(directory / "adapter_model.safetensors"), metadata={"format": "pt"})


def random_adapter(model, rank: int, seed: int) -> dict:
    """A and B random, B small but not zero, so that every gradient matters from the first step."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for path, module in model.named_modules():
        if path.rpartition(".")[2] in common.TARGETS + common.FUSED:
            out, inp = module.weight.shape
            tensors[f"{PREFIX}{path}.lora_A.weight"] = torch.randn(rank, inp, generator=generator) * inp**-0.5
            tensors[f"{PREFIX}{path}.lora_B.weight"] = torch.randn(out, rank, generator=generator) * 0.05
    return tensors


def token_losses(model, ids, labels):
    """(loss of every label token, whether the model's first choice is right), in order."""
    logits = model(torch.tensor([ids])).logits[0, :-1]
    targets = torch.tensor(labels[1:])
    kept = targets != common.IGNORE
    logits, targets = logits[kept], targets[kept]
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none"), logits.argmax(-1) == targets


def train(model_dir, examples, adapter: dict, method: Method, steps: int, batch_size=2, grad_accum=2, lr=1e-3, dtype=torch.float32, ranks=None):
    """examples: [(ids, labels)] in training order; ranks: of nested, {step: [rank of each example]}. Returns losses, gradient norms, and the final adapter under PEFT's names."""
    model = common.load_model(model_dir).to(dtype)
    layers = attach(model, adapter)
    for layer in layers.values():
        layer.terms = method.training_terms()

    def before(step, place):
        if ranks:
            for layer in layers.values():
                layer.terms = method.cut_terms(ranks[step][place])

    result = run_steps(model, examples, steps, batch_size, grad_accum, lr, before)
    result["adapter"] = {f"{PREFIX}{path}.lora_{side}.weight": getattr(layer, side).detach().clone()
                         for path, layer in layers.items() for side in "AB"}
    return result


def train_peft(model_dir, adapter_dir, examples, steps: int, batch_size=2, grad_accum=2, lr=1e-3):
    """PEFT's own LoRA layers, from an adapter directory on, under the same recipe. Returns what train() does."""
    import peft

    model = peft.PeftModel.from_pretrained(common.load_model(model_dir), str(adapter_dir), is_trainable=True)
    result = run_steps(model, examples, steps, batch_size, grad_accum, lr)
    result["adapter"] = {key: value.detach().clone() for key, value in peft.get_peft_model_state_dict(model).items()}
    return result


def run_steps(model, examples, steps: int, batch_size: int, grad_accum: int, lr: float, before=lambda step, place: None):
    """The recipe over all parameters that require gradients. before: called before each example, with its step and its place in the step."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    per_step = batch_size * grad_accum
    result = {"loss": [], "grad_norm": [], "label_tokens": [], "tokens": []}
    for step in range(steps):
        chosen = examples[step * per_step : (step + 1) * per_step]
        assert len(chosen) == per_step, "an epoch must hold all the steps"
        label_tokens = sum(label != common.IGNORE for _, labels in chosen for label in labels[1:])
        total = 0.0
        for place, (ids, labels) in enumerate(chosen):
            before(step, place)
            loss = token_losses(model, ids, labels)[0].sum() / label_tokens
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        for key, value in (("loss", total), ("grad_norm", norm.item()), ("label_tokens", label_tokens),
                           ("tokens", sum(len(ids) for ids, _ in chosen))):
            result[key].append(value)
    return result


def evaluate(model_dir, examples, adapter: dict, terms_at: dict) -> dict:
    """terms_at: key -> terms, the same for every layer. Returns key -> {loss, token_accuracy, tokens, nll: [per example]}."""
    model = common.load_model(model_dir)
    layers = attach(model, adapter)
    rows = {}
    for key, terms in terms_at.items():
        for layer in layers.values():
            layer.terms = terms
        nll, right, tokens = [], 0, 0
        with torch.no_grad():
            for ids, labels in examples:
                losses, correct = token_losses(model, ids, labels)
                nll.append(losses.double().sum().item())
                right, tokens = right + correct.sum().item(), tokens + len(losses)
        rows[key] = {"loss": sum(nll) / tokens, "token_accuracy": right / tokens, "tokens": tokens, "nll": nll}
    return rows
