#!/usr/bin/env python3
"""Make the goldens of the finder's two networks, computed in float64 from weights/finder.safetensors.

usage: make_finder_golden.py tests/data

Writes into tests/data/finder: the pictures that the networks are shown (NAME.png, of 8 bits so that both sides begin
with the same numbers), their stages (NAME.safetensors, sampled as the parser's goldens are) and what is decoded from
them (decoded.json, in edges of the picture; see tools/finder/README.md). group_N.jpg are pictures made of the
astronaut at several scales and turns, faces.json is what the whole finder answers to them and to the two photos.
"""
import argparse
import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image

from twin import finding, golden
from twin.detector import load_finder

VALUES = 800  # a stage, about

# YuNet is shown: name, photo, part (x, y, width, height), size.
PICTURES = [("yunet_astronaut_160x160", "astronaut", (0, 0, 512, 512), (160, 160)),
            ("yunet_portrait_96x128", "portrait", (20, 0, 225, 300), (96, 128)),
            ("yunet_astronaut_117x75", "astronaut", (90, 20, 312, 200), (117, 75))]
# O-Net is shown squares of astronaut.png: left, top, side, quarter turns counter-clockwise.
WINDOWS = [(166, 62, 114, 0), (150, 40, 140, 0), (166, 62, 114, 1), (330, 300, 96, 0)]
# Groups: width, height; of each face the middle (x, y), the size of YuNet's box, the turn in degrees, clockwise.
GROUPS = [(800, 600, [(160, 170, 110, 0), (420, 150, 75, 35), (640, 200, 130, -90), (150, 440, 60, 180),
                      (390, 430, 140, -140), (620, 470, 90, 65), (740, 560, 34, -20)]),
          (480, 640, [(200, 250, 190, -25), (380, 530, 80, 120), (110, 540, 48, 15)]),
          (960, 540, [(90, 110, 44, 10), (250, 120, 60, -40), (420, 110, 80, 75), (620, 130, 96, -110),
                      (850, 150, 120, 150), (20, 330, 110, 0), (260, 370, 150, 45), (520, 400, 70, 0),
                      (700, 380, 50, -30), (860, 400, 36, 30), (620, 500, 40, 0), (440, 490, 32, 0)])]
MIDDLE, SIZE = (223.5, 119.0), 112.0  # of the face in astronaut.png, edges


def group_picture(astronaut: np.ndarray, width: int, height: int, faces: list[tuple]) -> np.ndarray:
    """Discs of the photo on a ground that changes slowly, in the order given, with soft rims."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    ground = [110 + 40 * np.sin(x / 90 + c) + 30 * np.cos(y / 70 - 2 * c) for c in range(3)]
    picture = np.stack(ground, -1)
    for cx, cy, size, roll in faces:
        factor = size / SIZE
        side = max(1, round(512 * min(1.0, factor)))
        small = finding.resize(astronaut, side, side)
        u, v = finding.axes(roll)
        away = np.stack([x - cx, y - cy], -1)
        places = (np.array(MIDDLE) + np.stack([away @ u, away @ v], -1) / factor) * side / 512 - 0.5
        places = np.clip(places, 0, side - 1.001)
        low = places.astype(int)
        f = places - low
        sample = sum(small[low[..., 1] + dy, low[..., 0] + dx]
                     * (np.abs(1 - dx - f[..., 0]) * np.abs(1 - dy - f[..., 1]))[..., None]
                     for dx in (0, 1) for dy in (0, 1))
        radius = 1.04 * size
        share = np.clip((radius - np.hypot(*np.moveaxis(away, -1, 0))) / (0.06 * radius + 1), 0, 1)[..., None]
        picture = picture * (1 - share) + sample * share
    return np.floor(np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


def read(path: pathlib.Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB"), np.float64)


def shrink(picture: np.ndarray, part: tuple, size: tuple) -> np.ndarray:
    x, y, width, height = part
    return np.floor(finding.resize(picture[y:y + height, x:x + width], *size) + 0.5).astype(np.uint8)


@torch.no_grad()
def run(network, pictures: torch.Tensor) -> tuple[object, dict[str, torch.Tensor]]:
    stages = {}

    def record(name, value):
        stages[name] = value
        return value

    return network(pictures, record), stages


def write(out: pathlib.Path, name: str, network: str, picture: np.ndarray, stages: dict, index: int) -> None:
    Image.fromarray(picture).save(out / f"{name}.png", optimize=True)
    metadata = {"network": network, "weights": "finder.safetensors", "image": f"{name}.png",
                "height": str(picture.shape[0]), "width": str(picture.shape[1])}
    golden.write_stages(out / f"{name}.safetensors", stages, index, metadata, VALUES)


def write_faces(out: pathlib.Path, yunet, onet, photos: dict[str, np.ndarray]) -> None:
    names = [f"../images/{name}.png" for name in photos]
    for index, (width, height, faces) in enumerate(GROUPS, 1):
        names.append(f"group_{index}.jpg")
        picture = Image.fromarray(group_picture(photos["astronaut"], width, height, faces))
        picture.save(out / names[-1], quality=90, subsampling=0)
    answers = {}
    for name in names:
        answers[name] = [{"box": list(f.box), "points": f.points.tolist(), "score": f.score,
                          "probability": f.probability, "roll": f.roll, "size": f.size}
                         for f in finding.find(yunet, onet, read(out / name))]
    (out / "faces.json").write_text(json.dumps(answers, indent=1) + "\n")


def write_all(data: pathlib.Path) -> None:
    out = data / "finder"
    out.mkdir(exist_ok=True)
    yunet, onet = load_finder(data.parent.parent / "weights" / "finder.safetensors")
    photos = {name: read(data / "images" / f"{name}.png") for name in ("astronaut", "portrait")}
    decoded = {"yunet": {}, "onet": {}}
    for name, photo, part, size in PICTURES:
        picture = shrink(photos[photo], part, size)
        levels, stages = run(yunet, finding.padded(picture.astype(np.float64)))
        write(out, name, "yunet", picture, stages, 0)
        candidates = finding.decode(levels, 0.3)
        decoded["yunet"][name] = {
            "candidates": len(candidates),
            "kept": [{"score": c.score, "box": [c.x, c.y, c.width, c.height], "points": c.points.tolist()}
                     for c in finding.suppressed(candidates)]}

    windows = []
    for x, y, side, turns in WINDOWS:
        windows.append(np.rot90(shrink(photos["astronaut"], (x, y, side, side), (48, 48)), turns))
    batch = torch.from_numpy((np.stack(windows) - 127.5) * 0.0078125).permute(0, 3, 1, 2)
    _, stages = run(onet, batch)
    for index, window in enumerate(windows):
        name = f"onet_{index}_of_{len(windows)}"
        write(out, name, "onet", window, stages, index)
        logits = stages["logits"][index].tolist()
        decoded["onet"][name] = {"difference": logits[1] - logits[0],
                                 "probability": float(stages["logits"][index].softmax(0)[1]),
                                 "points": (48 * stages["points"][index].reshape(2, 5).T).tolist()}
    (out / "decoded.json").write_text(json.dumps(decoded, indent=1) + "\n")
    write_faces(out, yunet, onet, photos)
    for path in sorted(out.iterdir()):
        print(f"{path}: {path.stat().st_size} bytes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, metavar="tests/data")
    write_all(parser.parse_args().data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
