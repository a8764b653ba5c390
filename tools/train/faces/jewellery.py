"""Earrings and necklaces."""

import cv2
import numpy as np

from . import labels, paint
from .chance import colour, happens, pick, weighted

_ON = (labels.BACKGROUND, labels.HAIR, labels.NECK, labels.CLOTH, labels.L_EAR, labels.R_EAR, labels.SKIN)


def metal(rng) -> np.ndarray:
    """Gold, silver, pearl, copper or any colour."""
    return np.asarray(
        pick(rng, ((0.85, 0.68, 0.3), (0.85, 0.85, 0.88), (0.95, 0.93, 0.9), (0.8, 0.5, 0.35), colour(rng))), np.float32
    )


def put_earrings(rng, canvas, pose, ears, bank) -> None:
    """The same kind on both lobes, where a lobe is seen; they hang straight down."""
    kind = weighted(rng, {"stud": 1, "hoop": 1, "drop": 1, "chain": 0.6})
    rgb, size = metal(rng), rng.uniform(0.05, 0.2) * pose.unit
    glitter = np.clip(rgb * (1 + 0.4 * bank.patch(rng, "fine", canvas.size))[..., None], 0, 1.4)
    for ear in ears:
        at = pose.project(ear.lobe[None])[0]
        x, y = np.round(at).astype(int)
        if not (0 <= x < canvas.size and 0 <= y < canvas.size):
            continue
        around = canvas.label[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        if not np.isin(around, (labels.L_EAR, labels.R_EAR)).any():
            continue
        mask = _shape(kind, at, size, canvas.unit, canvas.label.shape)
        mask[~np.isin(canvas.label, _ON)] = 0
        shadow = paint.blur(np.roll(mask, int(0.05 * canvas.unit), 0), 0.03 * canvas.unit)
        canvas.tint(shadow, (0, 0, 0), 0.2)
        canvas.put(mask, glitter, labels.EARRING, float(pose.depth(ear.lobe[None])[0]) + 0.05, 0.9)


def _shape(kind, at, size, unit, shape):
    mask = np.zeros(shape, np.uint8)
    if kind == "stud":
        paint.disc(mask, at, max(1.5, size * 0.6))
    elif kind == "hoop":
        centre = tuple((at + [0, size]).astype(int).tolist())
        cv2.ellipse(
            mask,
            centre,
            (max(2, int(size * 0.75)), max(2, int(size))),
            0,
            0,
            360,
            255,
            max(2, int(0.045 * unit)),
            cv2.LINE_AA,
        )
    elif kind == "drop":
        paint.line(mask, [at, at + [0, size * 1.6]], max(1.2, 0.035 * unit))
        paint.disc(mask, at + [0, size * 2], max(1.8, size * 0.6))
    else:
        for step in range(4):
            paint.disc(mask, at + [0, step * size * 0.8], max(1.4, size * (0.3 + 0.08 * step)))
    return mask


def put_necklace(rng, canvas, body, bank) -> None:
    """A chain, a string of beads or a choker round the neck, with or without a pendant."""
    kind = weighted(rng, {"chain": 0.45, "beads": 0.35, "choker": 0.2})
    neck, base, unit = body.neck, body.neck_base, canvas.unit
    drop = rng.uniform(-0.25, 0.0) if kind == "choker" else rng.uniform(0.1, 0.9)
    start = base - (0.35 if kind == "choker" else 0.15)
    curve = [
        [-neck - 0.02, start],
        [-neck * 0.85, base + drop * 0.55],
        [-neck * 0.35, base + drop + 0.07],
        [0, base + drop + 0.1],
        [neck * 0.35, base + drop + 0.07],
        [neck * 0.85, base + drop * 0.55],
        [neck + 0.02, start],
    ]
    points = body.project(paint.smooth(curve, 3, closed=False))
    width = rng.uniform(0.03, 0.12) * unit
    mask = np.zeros(canvas.label.shape, np.uint8)
    if kind == "beads":
        loop = np.concatenate([points, points[::-1]])
        for bead in paint.resample(loop, int(rng.integers(36, 110))):
            paint.disc(mask, bead, max(1.2, width * 0.55))
    else:
        paint.line(mask, points, max(1.6, width * (1.6 if kind == "choker" else 0.7)))
    if happens(rng, 0.5):
        middle = points[len(points) // 2]
        paint.disc(mask, middle + [0, 0.04 * unit], max(2, rng.uniform(0.05, 0.15) * unit))
    mask[~np.isin(canvas.label, (labels.NECK, labels.CLOTH))] = 0
    canvas.tint(paint.blur(np.roll(mask, int(0.04 * unit) + 1, 0), 0.02 * unit), (0, 0, 0), 0.25)
    glitter = np.clip(
        metal(rng) * (1 + rng.uniform(0.1, 0.5) * bank.patch(rng, "fine", canvas.size))[..., None], 0, 1.4
    )
    canvas.put(mask, glitter, labels.NECKLACE, gloss=0.7)
