#!/usr/bin/env python3
"""Pictures to find the demonstration weights' recipe with: renders that training and score.py never see.

usage: recipe_crops.py FOLDER [--count N] [--size PX]

    python3 tools/train/recipe_crops.py crops
    build/segface quantize weights/demo.safetensors -o demo.safetensors --photos crops --whole --agree 99.5
"""

import argparse
import pathlib

import cv2

from faces import render

SEED, BANK_SEED = 30000, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for index in range(arguments.count):
        picture = render(SEED, index, arguments.size, BANK_SEED).picture
        cv2.imwrite(str(arguments.folder / f"{index:03}.png"), picture[..., ::-1])


if __name__ == "__main__":
    main()
