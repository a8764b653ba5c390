"""Where hair ends: the outline of forehead, face, ears and throat that it leaves free, and where it grows thin."""

import numpy as np

from . import paint, tables
from .chance import happens, pick
from .head import THETA, Y


def opening(rng, style: str, covers_ears, person) -> np.ndarray:
    """Outline, in (angle, height), of what the hair leaves free; covers_ears: of the left and the right."""
    fringe = style in ("short", "bob", "long", "afro", "bun") and happens(rng, 0.32)
    line = rng.uniform(-0.75, -0.28) if fringe else rng.normal(-1.05, 0.1)
    peak, part, temple = rng.normal(0, 0.06), rng.normal(0, 0.4), rng.uniform(0.66, 0.92)
    ragged = rng.uniform(0.03, 0.14) if fringe else rng.uniform(0, 0.05)
    recede = _recede(rng, style, person)
    swept = pick(rng, (-1, 1)) if fringe and happens(rng, 0.25) else 0  # the fringe falls over this eye
    halves = []
    for side, covered in zip((-1, 1), covers_ears):
        slope = 0.06 * side * part
        upper = [
            [0.2, line + slope],
            [temple * 0.6, line + 0.03 - recede * 1.1 + slope],
            [temple * 0.95, line + 0.2 - recede],
        ]
        if fringe:
            upper = [[0.2, line], [0.5, line + rng.normal(0, 0.05)], [temple, max(-0.35, line + 0.05)]]
        if side == swept:
            upper = [[0.1, line], [0.35, rng.uniform(-0.3, 0.1)], [temple, rng.uniform(0.1, 0.5)]]
        halves.append(np.array(upper + _beside_face(rng, style, covered)) * [side, 1])
    middle = np.array([[part * 0.3, line + peak - 0.5 * recede * (style == "ring")]])
    outline = paint.resample(paint.smooth(np.concatenate([halves[0][::-1], middle, halves[1]]), 2), 200)
    upper = np.clip((0.6 - outline[:, 1]) / 0.5, 0, 1)  # locks are ragged above, straight below
    jags = np.convolve(rng.normal(0, 1, 202), np.ones(3) / 3, "valid")
    outline[:, 1] += jags * ragged * upper
    outline[:, 0] += rng.normal(0, 0.3, 200) * ragged * upper
    return outline


def _recede(rng, style, person):
    """How far the hairline went back over the temples."""
    if person.masculine and style not in ("afro", "long") and happens(rng, 0.4 if person.old else 0.12):
        return rng.uniform(0.3, 0.6)
    return rng.uniform(0, 0.22 if person.masculine else 0.08)


def _beside_face(rng, style, covered):
    """The opening from the temple down, and round to below the hair."""
    if covered:
        edge = rng.uniform(0.72, 1.15)
        return [
            [edge - 0.05, -0.4],
            [edge, 0],
            [edge + 0.02, 0.5],
            [edge + rng.uniform(-0.1, 0.3), 1.1],
            [edge + rng.uniform(0, 0.5), 1.8],
            [edge + rng.uniform(0.1, 0.8), 4.2],
        ]
    burns, nape = rng.uniform(-0.15, 0.4), rng.uniform(0.3, 0.9)
    around_ear = [
        [0.92, -0.55],
        [1.02, -0.25],
        [1.05, burns],
        [rng.uniform(1.2, 1.4), burns],
        [1.42, -0.2],
        [1.6, -0.28],
        [1.85, 0.05],
    ]
    if style in ("long", "bob"):  # put behind the ear, it comes forward again below
        forward = rng.uniform(1.0, 1.7)
        return around_ear + [[1.85, 0.45], [(1.7 + forward) / 2, 0.9], [forward, 1.5], [forward + 0.1, 4.2]]
    return around_ear + [[2.0, nape], [3.2, nape + 0.05], [3.2, 4.2]]


def bald_crown(rng) -> np.ndarray:
    """Mask of a bald crown that leaves a ring of hair."""
    side, back = rng.uniform(-0.75, -0.3), rng.uniform(-1.1, -0.3)
    return tables.above(tables.curve([0, 0.85, 1.15, 1.6, 3.2], [4, 4, side, side - 0.1, back]), soft=3.0)


def density(rng, style: str, old: bool, parting) -> np.ndarray:
    """How much of the scalp hair hides, 0 .. 1: less on shaved sides, along a parting and where it grew thin."""
    dense = np.ones(tables.SHAPE, np.float32)
    if style == "shaved":
        dense *= rng.uniform(0.3, 0.85)
    elif style not in ("long", "bob") and happens(rng, 0.4 if old else 0.06):
        dense *= rng.uniform(0.55, 0.9)
    if style in ("crew", "short", "afro", "slick") and happens(rng, 0.4):  # a fade, or an undercut with its edge
        low, deep = rng.uniform(-0.1, 0.4), rng.uniform(0.05, 0.7)
        edge = low - (0.08 if happens(rng, 0.3) else rng.uniform(0.3, 1.0))
        dense *= np.interp(Y, [edge, low], [1, rng.uniform(0.3, 0.7)])[:, None].astype(np.float32)
        dense[:, np.abs(THETA) < deep] = np.maximum(dense[:, np.abs(THETA) < deep], 0.9)
    if style in ("short", "bob", "long", "slick", "bun") and happens(rng, 0.45):
        angle = float(np.clip(parting[0], -0.8, 0.8))
        line = np.array(
            [[angle - 0.03, -0.7], [angle + 0.03, -0.7], [angle * 0.4 + 0.05, -1.7], [angle * 0.4 - 0.05, -1.7]]
        )
        dense *= 1 - rng.uniform(0.3, 0.9) * tables.region(line, soft=0.6)
    return dense
