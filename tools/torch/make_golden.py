#!/usr/bin/env python3
"""Make the goldens of the tests that the official code's own lack, and prove the twin that makes them.

usage: make_golden.py --check GOLDEN...   compare the twin with goldens, stage by stage, in float32
       make_golden.py OUT_DIR [BACKBONE]  write the further goldens, of one backbone or all, computed in float64

OUT_DIR is tests/data: the pictures are read from its folder images/. The weights are synthetic, of seed 1.
"""
import argparse
import pathlib
import sys

import torch

from twin import BACKBONES, SegFace, fill_with_synthetic_values, golden

SEED = 1
# In pixels of astronaut.png, 512 x 512: eyes, nose, mouth corners.
ASTRONAUT = ((205, 101), (248, 102), (226, 122), (206, 143), (242, 144))
VALUES = 3000  # a stage, about


def make(backbone: str, dataset: str) -> SegFace:
    return fill_with_synthetic_values(SegFace(backbone, dataset), SEED).eval()


def check(paths: list[pathlib.Path]) -> bool:
    agree = True
    for path in paths:
        expected = golden.Golden(path)
        model = make(expected.metadata["backbone"], expected.metadata["dataset"])
        picture = golden.read_picture(path.parent / expected.metadata["image"], *expected.size())
        found = expected.compare(golden.run(model, picture.float(), expected.landmarks()))
        worst = max(found, key=found.get)
        good = found[worst] <= 1
        agree &= good
        print(f"{'OK    ' if good else 'FAILED'}  {path.name}: {len(found)} stages; worst is {worst}: "
              f"{found[worst]:.3f} of its bound", flush=True)
    print(f"{len(paths)} goldens, {'all agree' if agree else 'NOT all agree'}")
    return agree


def write(out: pathlib.Path, name: str, model: SegFace, images: list[str], height: int, width: int) -> None:
    """One golden a picture of the batch, named after it where there are several."""
    pictures = torch.cat([golden.read_picture(out / image, height, width) for image in images])
    landmarks = None
    if model.dataset == "lapa":
        landmarks = torch.tensor([ASTRONAUT], dtype=torch.float64) * width / 512
    stages = golden.run(model.double(), pictures, landmarks)
    for index, image in enumerate(images):
        file = f"{name}_{pathlib.Path(image).stem}" if len(images) > 1 else name
        metadata = {"backbone": model.backbone_name, "dataset": model.dataset, "seed": str(SEED), "image": image,
                    "resolution": str(max(height, width)), "height": str(height), "width": str(width)}
        path = out / f"{file}.safetensors"
        golden.write(path, stages, index, metadata, VALUES, landmarks)
        print(f"{path}: {path.stat().st_size} bytes", flush=True)


def write_all(out: pathlib.Path, backbones: list[str]) -> None:
    for backbone in backbones:
        if backbone == "mobilenet":
            write(out, "mobilenet_lapa_256", make("mobilenet", "lapa"), ["images/astronaut.png"], 256, 256)
        model = make(backbone, "celeb")
        if backbone != "mobilenet":  # the official code's own is there
            write(out, f"{backbone}_celeb_250", model, ["images/portrait.png"], 250, 250)
        write(out, f"{backbone}_celeb_333x500", model, ["images/astronaut.png"], 333, 500)
        if backbone in ("mobilenet", "swinv2_tiny"):
            batch = ["images/astronaut.png", "images/portrait.png", "images/jpeg_444.png"]
            write(out, f"{backbone}_celeb_96_of_3", model, batch, 96, 96)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", nargs="+", type=pathlib.Path, metavar="GOLDEN")
    parser.add_argument("out", nargs="?", type=pathlib.Path, metavar="OUT_DIR")
    parser.add_argument("backbone", nargs="?", choices=BACKBONES, metavar="BACKBONE")
    arguments = parser.parse_args()
    if (arguments.check is None) == (arguments.out is None):
        parser.error("either OUT_DIR or --check GOLDEN... must be given")
    if arguments.check:
        return 0 if check(arguments.check) else 1
    write_all(arguments.out, [arguments.backbone] if arguments.backbone else list(BACKBONES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
