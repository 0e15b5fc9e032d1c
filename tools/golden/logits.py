"""Makes OUT/logits_NAME.safetensors for each tiny model of models.py (which must have run).

Reference: transformers' LlamaForCausalLM, float32, eager attention, one sequence at a time.
    input_ids [40], logits [40, V]          one sequence
    a.input_ids [17], a.logits [17, V]      two sequences alone, for the packed case
    b.input_ids [29], b.logits [29, V]
"""

import common


def main() -> None:
    import torch
    from safetensors.torch import save_file

    out = common.output_directory()
    common.set_threads()
    for name in common.MODEL_NAMES:
        model = common.load_model(out / "models" / name)
        generator = torch.Generator().manual_seed(7)
        tensors = {}
        for prefix, length in (("", 40), ("a.", 17), ("b.", 29)):
            ids = torch.randint(0, model.config.vocab_size, (length,), generator=generator)
            with torch.no_grad():
                logits = model(ids[None]).logits[0]
            tensors |= {prefix + "input_ids": ids, prefix + "logits": logits.contiguous()}
        path = out / f"logits_{name}.safetensors"
        save_file(tensors, str(path), metadata={"made_by": "tools/golden/logits.py", "reference": "transformers float32 eager"})
        print(path, f"logits std {tensors['logits'].std():.3f}")


if __name__ == "__main__":
    main()
