"""Clothes: garments differ by what their neckline leaves free and by what is laid on top."""

import cv2
import numpy as np

from . import labels, paint
from .body import DEPTH
from .chance import colour, happens, weighted
from .fabric import fabric, plain_colour

KINDS = {
    "round": 0.2,
    "vee": 0.13,
    "shirt": 0.15,
    "suit": 0.2,
    "turtleneck": 0.09,
    "bare": 0.05,
    "strapless": 0.05,
    "scoop": 0.1,
    "hood": 0.05,
}


def put_clothes(rng, canvas, body, bank) -> None:
    kind = weighted(rng, KINDS)
    if kind == "bare":
        return
    dye = plain_colour(rng)
    neckline = _neckline(rng, body, kind)
    mask = _garment(rng, body, kind, canvas.label.shape)
    if neckline is not None:
        mask = cv2.subtract(mask, paint.polygon(mask.shape, neckline))
    cushion = paint.inflate(mask, 0.7 * body.unit) / body.unit
    depth = DEPTH + 0.08 + 0.7 * cushion
    canvas.put(mask, fabric(rng, dye, canvas.size, bank), labels.CLOTH, depth, rng.uniform(0, 0.1))
    edges = np.zeros_like(mask)
    if kind in ("shirt", "suit"):
        _collar_and_lapels(rng, canvas, body, kind, dye, depth, edges, bank)
    elif neckline is not None:
        paint.line(edges, neckline, rng.uniform(0.02, 0.12) * body.unit)
    elif kind == "turtleneck":
        paint.line(
            edges,
            body.project(
                paint.smooth(
                    [
                        [-body.neck - 0.1, body.neck_base + 0.1],
                        [0, body.neck_base + 0.3],
                        [body.neck + 0.1, body.neck_base + 0.1],
                    ],
                    2,
                    closed=False,
                )
            ),
            0.05 * body.unit,
        )
    edges[canvas.label != labels.CLOTH] = 0
    canvas.tint(paint.blur(edges, 0.02 * body.unit + 0.4), dye * rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.7))


def _garment(rng, body, kind, shape):
    neck, base, low, broad = body.neck, body.neck_base, body.shoulder, body.broad
    pad = rng.uniform(0.02, 0.12)
    half = np.array(
        [
            [neck + 0.2 + pad, base + 0.05],
            [broad * 0.7, low - pad],
            [broad + pad, low + body.slope - pad],
            [broad + 0.4, low + 1.2],
            [broad + 0.4, 16],
        ]
    )
    mask = paint.polygon(shape, body.project(paint.smooth(np.concatenate([half, half[::-1] * [-1, 1]]), 2)))
    if kind == "turtleneck":
        high = base - rng.uniform(0, 0.55)
        tube = [
            [-neck - 0.07, high],
            [-neck - 0.12, base + 0.5],
            [neck + 0.12, base + 0.5],
            [neck + 0.07, high],
            [0, high + 0.12],
        ]
        mask = cv2.max(mask, paint.polygon(shape, body.project(paint.smooth(tube, 2))))
    elif kind == "hood":
        out = neck + rng.uniform(0.3, 0.6)
        roll = [
            [-out, base - 0.5],
            [-out - 0.2, base + 0.3],
            [0, base + 1.2],
            [out + 0.2, base + 0.3],
            [out, base - 0.5],
            [neck * 0.8, base + 0.1],
            [0, base + 0.5],
            [-neck * 0.8, base + 0.1],
        ]
        mask = cv2.max(mask, paint.polygon(shape, body.project(paint.smooth(roll, 2))))
    elif kind == "strapless":
        top = low + rng.uniform(0.2, 0.8)
        free = [[-6, -9], [6, -9], [6, top], [0, top + rng.uniform(-0.1, 0.4)], [-6, top]]
        mask = cv2.subtract(mask, paint.polygon(shape, body.project(free)))
        if happens(rng, 0.5):  # straps
            for s in (-1, 1):
                x = s * rng.uniform(0.8, 1.3)
                paint.line(
                    mask, body.project([[x, low - 0.4], [x * 1.02, top + 0.2]]), rng.uniform(0.06, 0.25) * body.unit
                )
            mask = np.minimum(mask, paint.polygon(shape, body.outline))
    return mask


def _neckline(rng, body, kind):
    """Outline, in pixels, of what stays free of cloth."""
    base = body.neck_base
    if kind in ("vee", "shirt", "suit"):
        wide, deep = body.neck + 0.22, {"vee": rng.uniform(0.5, 1.6), "shirt": rng.uniform(0.1, 0.9)}.get(kind, 0.3)
        return body.project(
            [
                [-wide, base - 0.9],
                [-wide, base + 0.02],
                [-0.04, base + deep + 0.15],
                [0.04, base + deep + 0.15],
                [wide, base + 0.02],
                [wide, base - 0.9],
            ]
        )
    if kind in ("round", "scoop"):
        wide, deep = body.neck + rng.uniform(0.05, 0.5), (
            rng.uniform(0.4, 1.1) if kind == "scoop" else rng.uniform(0.0, 0.4)
        )
        return body.project(
            paint.smooth(
                [
                    [-wide, base - 1],
                    [-wide, base],
                    [-wide * 0.7, base + deep * 0.8 + 0.1],
                    [0, base + deep + 0.25],
                    [wide * 0.7, base + deep * 0.8 + 0.1],
                    [wide, base],
                    [wide, base - 1],
                ],
                2,
            )
        )
    return None


def _collar_and_lapels(rng, canvas, body, kind, dye, depth, edges, bank):
    neck, base = body.neck, body.neck_base
    size, shape = canvas.size, canvas.label.shape

    def piece(points, base_colour, above):
        outline = body.project(points)
        canvas.put(paint.polygon(shape, outline), fabric(rng, base_colour, size, bank), labels.CLOTH, depth + above)
        paint.line(edges, outline, 0.03 * body.unit, closed=True)

    inner, shut = dye, rng.uniform(0.05, 0.6)
    if kind == "suit":
        inner = np.float32([0.9, 0.92, 0.95]) if happens(rng, 0.6) else colour(rng, 0.3, 1)
        meet = base + rng.uniform(1.3, 2.4)
        piece(
            [[-neck, base], [0, base + shut], [neck, base], [0.4, base + 0.6], [0, meet], [-0.4, base + 0.6]],
            inner,
            0.02,
        )
        for s in (-1, 1):
            piece(
                [
                    [s * (neck + 0.25), base - 0.05],
                    [s * (neck + 0.55), base + 0.1],
                    [s * rng.uniform(0.75, 1.0), base + 0.75],
                    [s * 0.1, meet],
                    [s * 0.45, base + 0.6],
                ],
                np.clip(dye * rng.uniform(0.7, 1.4), 0, 1),
                0.05,
            )
    if kind == "suit" and happens(rng, 0.65):
        half = rng.uniform(0.1, 0.18)
        piece(
            [
                [-half, base + 0.15],
                [half, base + 0.15],
                [half * 0.7, base + 0.42],
                [half * 1.8, base + 2.5],
                [-half * 1.8, base + 2.5],
                [-half * 0.7, base + 0.42],
            ],
            colour(rng),
            0.06,
        )
    high = rng.uniform(0.1, 0.45)
    for s in (-1, 1):
        piece(
            [
                [s * (neck + 0.02), base - high],
                [s * (neck + 0.2), base + 0.02],
                [s * rng.uniform(0.5, 0.8), base + 0.55],
                [s * 0.08, base + 0.2 + (shut * 0.4 if kind == "shirt" else 0)],
                [s * neck * 0.75, base],
            ],
            np.clip(inner * rng.uniform(0.85, 1.1), 0, 1),
            0.08,
        )
