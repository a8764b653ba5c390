#!/usr/bin/env python3
"""Write a SegFace checkpoint of synthetic weights, laid out as the official training writes its own.

usage: make_checkpoint.py BACKBONE DATASET OUT [--seed N] [--optimizer]

--optimizer adds an AdamW state, two tensors and a step for every parameter, as released checkpoints carry it.
"""
import argparse
import pathlib

import torch

from twin import BACKBONES, CLASSES, SegFace, fill_with_synthetic_values, save_checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", choices=BACKBONES)
    parser.add_argument("dataset", choices=CLASSES)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--optimizer", action="store_true")
    arguments = parser.parse_args()
    model = fill_with_synthetic_values(SegFace(arguments.backbone, arguments.dataset), arguments.seed)
    others = {"epoch": 299, "iteration": 897000}
    if arguments.optimizer:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-5)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[80, 200])
        others.update(optimizer=optimizer.state_dict(), scheduler=scheduler.state_dict())
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(model, arguments.out, **others)
    print(f"{arguments.out}: {len(model.state_dict())} tensors, {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
