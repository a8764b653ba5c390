#!/usr/bin/env python3
"""A contact sheet of renders, each over its labels.

usage: gallery.py OUT [--count N] [--seed S] [--first I] [--size PX] [--columns N] [--weights CHECKPOINT] [options]

With a checkpoint a third row shows what the network makes of each picture.
"""

import argparse
import pathlib
import time

import cv2
import numpy as np
from PIL import Image

from faces import render
from faces.labels import COLOURS


def overlay(picture, label):
    return (picture * 0.35 + COLOURS[label % len(COLOURS)] * 0.65).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--bank-seed", type=int, default=0, help="of the textures, see score.py")
    parser.add_argument("--thumbnail", type=int, help="side in the sheet; --size where not given")
    arguments = parser.parse_args()
    model = None
    if arguments.weights:
        from network import load, predict_labels

        model = load(arguments.weights)
    render(0, 0, bank_seed=arguments.bank_seed)  # the textures are made once
    start, stacks = time.perf_counter(), []
    for index in range(arguments.first, arguments.first + arguments.count):
        face = render(arguments.seed, index, arguments.size, arguments.bank_seed)
        picture = face.picture
        stacks.append([picture, overlay(picture, face.label)])
        if model is not None:
            stacks[-1].append(overlay(picture, predict_labels(model, picture[None])[0]))
    seconds = time.perf_counter() - start
    side = arguments.thumbnail or arguments.size
    stacks = [np.concatenate([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in s]) for s in stacks]
    stacks += [np.zeros_like(stacks[0])] * (-len(stacks) % arguments.columns)
    rows = [np.concatenate(stacks[i : i + arguments.columns], 1) for i in range(0, len(stacks), arguments.columns)]
    Image.fromarray(np.concatenate(rows)).save(arguments.out, quality=90)
    print(f"{arguments.out}: {arguments.count} faces, {arguments.count / seconds:.1f} a second")


if __name__ == "__main__":
    main()
