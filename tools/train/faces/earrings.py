"""Earrings: studs, hoops, drops, chains, tassels, plates and bars on both lobes, from small to very large."""

import cv2
import numpy as np

from . import labels, paint
from .chance import happens, weighted
from .metal import glitter

_ON = (labels.BACKGROUND, labels.HAIR, labels.NECK, labels.CLOTH, labels.L_EAR, labels.R_EAR, labels.SKIN)
KINDS = {"stud": 0.22, "hoop": 0.24, "drop": 0.18, "chain": 0.12, "plate": 0.1, "tassel": 0.08, "climber": 0.06}


def put_earrings(rng, canvas, pose, ears, bank) -> None:
    """The same kind on both lobes, where a lobe is seen; they hang straight down."""
    kind = weighted(rng, KINDS)
    size = (rng.uniform(0.05, 0.2) if happens(rng, 0.7) else rng.uniform(0.2, 0.4)) * pose.unit
    if kind in ("stud", "climber"):
        size = min(size, 0.2 * pose.unit)
    thick, tall = max(2.0, rng.uniform(0.035, 0.08) * pose.unit), rng.uniform(0.9, 1.5)
    before_hair, look = kind not in ("stud", "climber") and happens(rng, 0.3), None
    for ear in ears:
        at = pose.project(ear.lobe[None])[0]
        x, y = np.round(at).astype(int)
        if not (0 <= x < canvas.size and 0 <= y < canvas.size):
            continue
        around = canvas.label[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        depth = float(pose.depth(ear.lobe[None])[0])
        if before_hair and canvas.label[y, x] == labels.HAIR and canvas.depth[y, x] < depth + 0.6:
            depth = float(canvas.depth[y, x])
        elif not np.isin(around, (labels.L_EAR, labels.R_EAR)).any():
            continue
        mask = _shape(kind, at, size, thick, tall, canvas.label.shape)
        mask[~np.isin(canvas.label, _ON)] = 0
        if look is None:
            look = glitter(rng, canvas, mask, bank)
        shadow = paint.blur(np.roll(mask, int(0.05 * canvas.unit), 0), 0.03 * canvas.unit)
        canvas.tint(shadow, (0, 0, 0), 0.3)
        lift = paint.inflate(mask, max(2.0, 0.5 * size)) / canvas.unit
        canvas.put(mask, look, labels.EARRING, depth + 0.05 + lift, 0.9)


def _shape(kind, at, size, thick, tall, shape):
    """uint8 mask of one that hangs from a pixel."""
    mask = np.zeros(shape, np.uint8)
    if kind == "stud":
        paint.disc(mask, at, max(1.8, size * 0.6))
    elif kind == "hoop":
        centre = tuple((at + [0, size * tall]).astype(int).tolist())
        axes = (max(2, int(size * 0.8)), max(2, int(size * tall)))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, int(thick), cv2.LINE_AA)
    elif kind == "drop":
        paint.line(mask, [at, at + [0, size * 1.6]], max(1.4, 0.5 * thick))
        paint.disc(mask, at + [0, size * 2], max(1.8, size * 0.6))
    elif kind == "chain":
        for step in range(4):
            paint.disc(mask, at + [0, step * size * 0.8], max(1.4, size * (0.3 + 0.08 * step)))
    elif kind == "plate":
        half = np.array([[0, 0], [0.7, 0.7], [0.6, 1.9 * tall], [0, 2.2 * tall], [-0.6, 1.9 * tall], [-0.7, 0.7]])
        mask = paint.polygon(shape, paint.smooth(at + half * size, 1))
    elif kind == "tassel":
        paint.disc(mask, at + [0, 0.3 * size], max(1.5, 0.35 * size))
        for spread in np.linspace(-0.5, 0.5, 7):
            paint.line(mask, [at + [0, 0.3 * size], at + [spread * size, 2.6 * tall * size]], max(1.2, 0.14 * size))
    else:  # along the rim, and a ring in it
        for step in range(4):
            paint.disc(mask, at + [0, -step * size * 0.8], max(1.5, size * 0.3))
    return mask
