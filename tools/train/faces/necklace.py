"""Necklaces: thin and thick chains, beads, pearls, chokers, collars of plates, with or without pendants."""

import numpy as np

from . import labels, paint
from .chance import happens, pick, weighted
from .metal import glitter

KINDS = {"thin": 0.26, "chain": 0.22, "beads": 0.22, "choker": 0.12, "layers": 0.1, "plates": 0.08}


def put_necklace(rng, canvas, body, bank) -> None:
    """Around the neck, before neck and clothes; two or three chains at once in layers."""
    kind = weighted(rng, KINDS)
    drop = rng.uniform(-0.25, 0.0) if kind == "choker" else rng.uniform(0.02, 0.55) + (happens(rng, 0.3)) * 0.4
    mask, shade = np.zeros(canvas.label.shape, np.uint8), np.full(canvas.label.shape, 128, np.uint8)
    for layer in range(int(rng.integers(2, 4)) if kind == "layers" else 1):
        points = _loop(body, drop + layer * rng.uniform(0.15, 0.3), kind == "choker")
        _string(rng, mask, shade, points, kind, canvas.unit)
    if happens(rng, 0.6 if kind in ("thin", "chain", "layers") else 0.25):
        _pendant(rng, mask, shade, points[len(points) // 2], canvas.unit)
    mask[~np.isin(canvas.label, (labels.NECK, labels.CLOTH))] = 0
    look = glitter(rng, canvas, mask, bank) * (shade.astype(np.float32) / 128)[..., None]
    canvas.tint(paint.blur(np.roll(mask, int(0.04 * canvas.unit) + 1, 0), 0.025 * canvas.unit), (0, 0, 0), 0.4)
    lift = paint.inflate(mask, 0.06 * canvas.unit + 1) / canvas.unit
    canvas.put(mask, look, labels.NECKLACE, canvas.depth + 0.02 + lift, gloss=rng.uniform(0.2, 0.9))


def _loop(body, drop, high):
    """The curve of a chain in pixels, from one side of the neck down and up again."""
    neck, base = body.neck, body.neck_base
    start = base - (0.35 if high else 0.15)
    half = [[neck + 0.02, start], [neck * 0.85, base + drop * 0.55], [neck * 0.35, base + drop + 0.07]]
    curve = [[-x, y] for x, y in half] + [[0, base + drop + 0.1]] + half[::-1]
    return body.project(paint.smooth(curve, 3, closed=False))


def _string(rng, mask, shade, points, kind, unit):
    width = rng.uniform(0.05, 0.14) * unit
    if kind in ("beads", "plates"):
        loop = np.concatenate([points, points[::-1]])
        count = int(np.linalg.norm(np.diff(points, axis=0), axis=1).sum() / max(2.0, width * rng.uniform(0.8, 1.2)))
        grow = rng.uniform(0, 1) if kind == "beads" else 1.2  # towards the middle
        middle, reach = points[len(points) // 2], np.ptp(points[:, 0]) / 2 + 1e-6
        for bead in paint.resample(loop, 2 * count):
            radius = max(1.4, 0.55 * width * (1 + grow * max(0, 1 - abs(bead[0] - middle[0]) / reach)))
            paint.disc(mask, bead, radius)
            paint.disc(shade, bead, radius, 80)
            paint.disc(shade, bead - 0.2 * radius, 0.65 * radius, int(rng.uniform(130, 160)))
        return
    width = max(2.0, {"thin": 0.35, "layers": 0.35, "choker": rng.uniform(1, 3)}.get(kind, 0.8) * width)
    paint.line(mask, points, width)
    if kind == "chain":  # its links
        links = paint.resample(np.concatenate([points, points[::-1]]), 2 * int(20 + 200 / max(2.0, width)))
        for link in links[: len(links) // 2 : 2]:
            paint.disc(shade, link, 0.4 * width, 60)


def _pendant(rng, mask, shade, at, unit):
    """A disc, a drop, a cross or a bar that hangs from a pixel."""
    size = max(2.0, rng.uniform(0.06, 0.2) * unit)
    kind = pick(rng, ("disc", "drop", "cross", "bar"))
    if kind == "disc":
        paint.disc(mask, at + [0, 0.8 * size], size)
        paint.disc(shade, at + [0, 0.8 * size], 0.6 * size, 90)
    elif kind == "drop":
        drop = np.array([[0, 0], [0.7, 1.3], [0, 2], [-0.7, 1.3]])
        mask |= paint.polygon(mask.shape, paint.smooth(at + drop * size, 1))
    else:
        paint.line(mask, [at, at + [0, 2.4 * size]], max(2.0, 0.5 * size))
        if kind == "cross":
            paint.line(mask, [at + [-0.8 * size, 0.8 * size], at + [0.8 * size, 0.8 * size]], max(2.0, 0.5 * size))
