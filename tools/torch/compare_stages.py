#!/usr/bin/env python3
"""Compare the stages that examples/06_dump_stages wrote with what the twin computes of the same input, stage by stage.

usage: compare_stages.py WEIGHTS.safetensors FOLDER

Prints of each stage its shape, its spread and the largest difference over the spread; exits with 1 where one of them is
above 1e-3. A bug shows at the first stage that is far off: what comes after it is only its consequence.
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors import safe_open

from twin import SegFace

BOUND = 1e-3


def load(path: str) -> SegFace:
    """The twin with the weights of a weight file, whose metadata name backbone and data set."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}
    model = SegFace(metadata["backbone"], metadata["dataset"])
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    # A weight file leaves out what nothing is computed with: counters, and what comes after the last tap.
    if unexpected:
        raise ValueError(f"{path}: tensors that are not the network's: {', '.join(unexpected)}")
    return model.eval()


@torch.no_grad()
def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[2])
    model = load(sys.argv[1])
    stages = {}
    image = torch.from_numpy(np.load(folder / "input.npy")).permute(2, 0, 1)[None]
    model(image, record=lambda name, value: stages.setdefault(name, value))
    worst = 0.0
    for name, value in stages.items():
        value = value[0].permute(1, 2, 0) if value.dim() == 4 else value
        found = torch.from_numpy(np.load(folder / f"{name}.npy"))
        spread = value.std().item()
        difference = (found.reshape(value.shape) - value).abs().max().item() / spread
        worst = max(worst, difference)
        print(f"{name:10} {' x '.join(map(str, value.shape)):16} spread {spread:9.4f}   largest difference {difference:.1e}")
    print("all agree" if worst <= BOUND else f"NOT all agree: {worst:.1e} is above {BOUND:.0e}")
    return 0 if worst <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
