#!/usr/bin/env python3
"""Export the twin to ONNX, for other engines.

usage: export_onnx.py BACKBONE DATASET SIDE OUT.onnx [--checkpoint model_299.pt]

The graph takes a normalised picture [1, 3, SIDE, SIDE] named `image` (and, for LaPa, `landmarks` [1, 5, 2]) and gives
`logits`. Without a checkpoint the weights are synthetic: for timing. Needs the packages onnx and onnxscript besides.
"""
import argparse
import pathlib

import torch

from twin import BACKBONES, CLASSES, SegFace, fill_with_synthetic_values, load_checkpoint


def export(model: SegFace, side: int, out: pathlib.Path) -> None:
    inputs, names = [torch.zeros(1, 3, side, side)], ["image"]
    if model.dataset == "lapa":
        inputs.append(torch.tensor([[(0.38, 0.44), (0.62, 0.44), (0.5, 0.56), (0.43, 0.7), (0.57, 0.7)]]) * side)
        names.append("landmarks")
    torch.onnx.export(model.eval(), tuple(inputs), str(out), input_names=names, output_names=["logits"],
                      dynamo=True, external_data=False, verbose=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", choices=BACKBONES)
    parser.add_argument("dataset", choices=CLASSES)
    parser.add_argument("side", type=int)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--checkpoint", type=pathlib.Path)
    arguments = parser.parse_args()
    model = SegFace(arguments.backbone, arguments.dataset)
    if arguments.checkpoint:
        load_checkpoint(model, arguments.checkpoint)
    else:
        fill_with_synthetic_values(model, 1)
    export(model, arguments.side, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
