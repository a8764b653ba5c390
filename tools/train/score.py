#!/usr/bin/env python3
"""Score a checkpoint: F1 of each class over fresh renders, IoU of regions drawn by hand on a photograph.

usage: score.py CHECKPOINT [--renders N] [--regions REGIONS.json] [--size PX] [--flip] [options]

Renders are of a seed, and textures of a bank, that training never sees. REGIONS.json names a photograph beside it, and
holds polygons (face, hair, neck) and boxes (image_left_eye, image_right_eye, mouth) in the photograph's pixels.
"""

import argparse
import json
import pathlib

import cv2
import numpy as np
from PIL import Image

from crop import celeba_square, cut
from faces import NAMES, render
from faces.labels import FACE, HAIR, NECK
from gallery import overlay
from network import load, predict_labels

REGIONS = {"face": FACE, "hair": (HAIR,), "neck": (NECK,)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--renders", type=int, default=1000)
    parser.add_argument("--regions", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--flip", action="store_true", help="average over the mirrored picture")
    parser.add_argument("--seed", type=int, default=20000)
    parser.add_argument("--bank-seed", type=int, default=7)
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--save", type=pathlib.Path, help="write the photograph's crop and labels here (PNG)")
    arguments = parser.parse_args()
    model = load(arguments.checkpoint, arguments.backbone)
    if arguments.renders:
        score_renders(model, arguments)
    if arguments.regions:
        score_photograph(model, arguments)


def score_renders(model, arguments) -> None:
    confusion, turned, covered, either = np.zeros((len(NAMES), len(NAMES)), np.int64), 0, 0, 0
    for index in range(arguments.renders):
        face = render(arguments.seed, index, arguments.size, arguments.bank_seed)
        found = predict_labels(model, face.picture[None], arguments.flip)[0]
        pairs = face.label.ravel().astype(np.int64) * len(NAMES) + found.ravel()
        confusion += np.bincount(pairs, minlength=confusion.size).reshape(confusion.shape)
        turned, covered, either = turned + face.turned, covered + face.covered, either + (face.turned or face.covered)
    total = arguments.renders
    print(
        f"{total} renders at {arguments.size} px: {turned / total:.0%} turned away by 20 degrees or more, "
        f"{covered / total:.0%} partly covered, {either / total:.0%} either"
    )
    right, truth, claimed = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    scores = 2 * right / np.maximum(truth + claimed, 1)
    for label, name in enumerate(NAMES):
        mistaken = [
            f"{NAMES[k]} {confusion[label, k] / max(1, truth[label]):.0%}"
            for k in np.argsort(-confusion[label])
            if k != label
        ][:2]
        print(
            f"{label:3} {name:11} F1 {scores[label]:.3f}  {truth[label] / total:8.1f} pixels a picture  "
            f"mostly taken for {', '.join(mistaken)}"
        )
    present = truth[1:] + claimed[1:] > 0
    print(f"mean F1 without background {scores[1:][present].mean():.4f}, lowest {scores[1:][present].min():.3f}")


def score_photograph(model, arguments) -> None:
    drawn = json.loads(arguments.regions.read_text())
    photograph = np.asarray(Image.open(arguments.regions.parent / drawn["image"]).convert("RGB"))
    boxes = {name: np.reshape(box, (2, 2)).mean(0) for name, box in drawn["boxes"].items()}
    square = celeba_square(boxes["image_left_eye"], boxes["image_right_eye"], boxes["mouth"])
    picture, matrix = cut(photograph, square, arguments.size)
    found = predict_labels(model, picture[None], arguments.flip)[0]
    inside = cv2.warpAffine(np.ones(photograph.shape[:2], np.uint8), matrix, found.shape[::-1]) > 0
    for name, members in REGIONS.items():
        if name not in drawn:
            continue
        outline = np.asarray(drawn[name], np.float64) @ matrix[:, :2].T + matrix[:, 2]
        mask = np.zeros(found.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        truth, claim = (mask > 0) & inside, np.isin(found, members) & inside
        print(f"{drawn['image']} {name}: IoU {(truth & claim).sum() / max(1, (truth | claim).sum()):.3f}")
    if arguments.save:
        Image.fromarray(np.concatenate([picture, overlay(picture, found)], 1)).save(arguments.save)


if __name__ == "__main__":
    main()
