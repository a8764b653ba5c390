#!/usr/bin/env python3
"""Blend the weights that a training began from into those that it ended with.

usage: blend.py BEFORE.safetensors AFTER.safetensors OUT.safetensors [--share 0.9] [--renders 192]

Each number becomes (1 - share) before + share after; then the means and variances of the batch normalisations are taken
anew on renders, since those of a blend are no blend of those. OUT has float16 under the official names.
"""

import argparse
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

from faces import TRAINING_SHARES, render
from network import load, normalise

SEED, BATCH = 777, 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after", "out"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--share", type=float, default=0.9, help="of the weights after")
    parser.add_argument("--renders", type=int, default=192)
    arguments = parser.parse_args()
    model, after = load(arguments.before), load(arguments.after).state_dict()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.lerp_(after[name], arguments.share)
        measure_normalisations(model, arguments.renders)
    tensors = {name: value.half() for name, value in model.state_dict().items() if value.is_floating_point()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, arguments.out)


def measure_normalisations(model, renders: int) -> None:
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
    model.train()
    for start in range(0, renders, BATCH):
        faces = [render(SEED, i, shares=TRAINING_SHARES) for i in range(start, min(renders, start + BATCH))]
        model(normalise(torch.from_numpy(np.stack([face.picture for face in faces]))))
    model.eval()


if __name__ == "__main__":
    main()
