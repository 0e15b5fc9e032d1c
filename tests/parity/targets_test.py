"""Which modules `target_modules` and its companions name: the note of `matlora` about missing layers against PEFT's LoRA layers.

For every form of the configuration PEFT makes an adapter; matlora must find nothing missing in it. Then the matrices of some layers are
taken out, and the note must name these and no others.
"""

import json
import re
import subprocess

import parity
import common
import peft
import safetensors.torch

MODEL = "untied_gqa"
FORMS = {
    "a list": {"target_modules": ["q_proj", "down_proj"]},
    "ends of names": {"target_modules": ["self_attn.q_proj", "layers.0.mlp.up_proj"]},
    "whole names": {"target_modules": ["model.layers.1.self_attn.k_proj", "model.layers.0.mlp.gate_proj"]},
    "an expression": {"target_modules": r".*layers\.\d+\.(self_attn\.[qv]_proj|mlp\.up_proj)"},
    "all-linear": {"target_modules": "all-linear"},
    "exclude a list": {"target_modules": ["q_proj", "v_proj"], "exclude_modules": ["layers.1.self_attn.v_proj"]},
    "exclude an expression": {"target_modules": ["q_proj", "v_proj"], "exclude_modules": r".*\.0\..*"},
    "some blocks": {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": [1]},
    "one block": {"target_modules": ["q_proj", "up_proj"], "layers_to_transform": 0},
    "blocks by a pattern": {"target_modules": ["q_proj"], "layers_to_transform": [0], "layers_pattern": "layers"},
    "blocks by patterns": {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": ["h", "layers"]},
}


def note(suite, model_dir, adapter):
    command = [suite.binary, "generate", "--model", model_dir, "--adapter", adapter, "--prompt", "a", "--max-new-tokens", "1",
               "--device", "cpu", "--dtype", "float32", "--quiet"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.search(r"has no matrices for (.*), named by target_modules", done.stderr)
    return found.group(1) if found else ""


def shown(names):
    rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + rest


def main():
    suite = parity.Suite("targets")
    model_dir = parity.golden() / "models" / MODEL
    for form, options in FORMS.items():
        adapted = peft.get_peft_model(common.load_model(model_dir), peft.LoraConfig(r=2, task_type="CAUSAL_LM", init_lora_weights=False, **options))
        path = suite.tmp / form.replace(" ", "_")
        adapted.save_pretrained(path)
        if form == "all-linear":  # PEFT writes the list that it came to
            config = json.loads((path / "adapter_config.json").read_text())
            (path / "adapter_config.json").write_text(json.dumps(config | options))
        suite.equal(form, "nothing is missing", note(suite, model_dir, path), "")
        tensors = safetensors.torch.load_file(path / "adapter_model.safetensors")
        layers = sorted({name.split(".lora_")[0].removeprefix("base_model.model.") for name in tensors})
        kept = layers[:1]
        safetensors.torch.save_file({name: tensor for name, tensor in tensors.items() if f".{kept[0]}." in f".{name}"},
                                    path / "adapter_model.safetensors")
        order = [name for name, _ in adapted.base_model.model.named_modules()]
        plain = [name.replace(".base_layer", "") for name in order]
        missing = sorted(set(layers) - set(kept), key=plain.index)
        suite.equal(form, "what was taken out", note(suite, model_dir, path), shown(missing))
    suite.finish()


if __name__ == "__main__":
    main()
