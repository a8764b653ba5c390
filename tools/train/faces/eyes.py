"""Eyes and brows, painted on the sheet."""

import cv2
import numpy as np

from . import labels, paint
from .chance import happens, pick

IRISES = [
    (0.25, 0.15, 0.08),
    (0.16, 0.09, 0.05),
    (0.36, 0.24, 0.12),
    (0.35, 0.42, 0.48),
    (0.30, 0.48, 0.62),
    (0.36, 0.44, 0.28),
    (0.08, 0.06, 0.05),
]


def paint_eyes(rng, sheet, person, light) -> None:
    head = sheet.head
    closed = happens(rng, 0.04)
    opening = 0.012 if closed else float(np.clip(rng.normal(0.088, 0.028), 0.02, 0.15))
    look = dict(
        opening=opening,
        width=rng.normal(0.205, 0.016),
        tilt=rng.normal(0.015, 0.03),
        gaze=rng.normal(0, 0.045, 2) * [1, 0.4],
        iris=np.clip(np.array(pick(rng, IRISES)) * rng.uniform(0.7, 1.3), 0, 1),
        iris_size=0.105 * rng.uniform(0.9, 1.1),
        pupil=rng.uniform(0.32, 0.5),
        white=np.array([0.92, 0.9, 0.88]) * rng.uniform(0.72, 1.0),
        lash=rng.uniform(0.1, 0.7) if person.masculine else rng.uniform(0.3, 1.0),
        lash_width=rng.uniform(0.012, 0.03) if person.masculine else rng.uniform(0.015, 0.05),
        crease=rng.uniform(0.04, 0.1),
        crease_strength=rng.uniform(0.1, 0.6),
        lid_line=rng.uniform(0.1, 0.6),
        liner=not person.masculine and happens(rng, 0.3),
        sparkle=rng.uniform(0.5, 1) * happens(rng, 0.85),
        sparkle_size=rng.uniform(0.12, 0.3),
        shade=rng.uniform(0.2, 0.6),
    )
    for side, label in ((-1, labels.L_EYE), (1, labels.R_EYE)):
        _eye(sheet, side, label, head.eye_x, look, light)


def _eye(sheet, side, label, eye_x, look, light):
    across = np.linspace(-1, 1, 13)
    upper = -look["opening"] * (1 - np.abs(across) ** 2.2) * (1 - 0.15 * across * side) - look["tilt"] * across * side
    lower = look["opening"] * 0.62 * (1 - across**2) - look["tilt"] * across * side
    x = side * eye_x + across * look["width"]
    upper, lower = np.stack([x, upper], 1), np.stack([x, lower], 1)
    mask = sheet.mask(np.concatenate([upper, lower[::-1][1:-1]]))
    sheet.fill(mask, look["white"], label=label)
    area = paint.box(mask)
    if area is not None:
        sheet.label[area][mask[area] > 90] = label  # annotators count the lash line in
        sheet.gloss[area][mask[area] > 127] = 0.1
    # the lid stands out over the eyeball
    sheet.raise_(sheet.line(upper - [0, 0.04], 0.06), 0.03, soft=0.02)
    centre = sheet.pixels([[side * eye_x + look["gaze"][0], -look["opening"] * 0.15 + look["gaze"][1]]])[0]
    radius = look["iris_size"] * sheet.unit
    for share, colour in ((1, look["iris"] * 0.45), (0.78, look["iris"]), (look["pupil"], (0.02, 0.02, 0.02))):
        sheet.fill(cv2.min(paint.disc(np.zeros(sheet.shape, np.uint8), centre, radius * share), mask), colour)
    sheet.fill(
        cv2.min(sheet.softened(sheet.line(upper + [0, 0.02], 0.05), 0.02), mask), (0.1, 0.06, 0.05), look["shade"]
    )
    if look["sparkle"]:
        at = centre + np.array([light.direction[0] * 0.06, -0.035]) * sheet.unit
        spot = paint.disc(np.zeros(sheet.shape, np.uint8), at, max(0.8, radius * look["sparkle_size"]))
        sheet.fill(cv2.min(spot, mask), (1.3, 1.3, 1.3), look["sparkle"])
    dark = np.minimum(sheet.skin * 0.3, 0.12)
    sheet.fill(sheet.line(upper, look["lash_width"]), dark, look["lash"], soft=0.004)
    if look["liner"]:
        outer = upper[-3:] if side > 0 else upper[:3][::-1]
        tail = np.concatenate([outer, [[side * (eye_x + look["width"] * 1.25), -look["tilt"] - 0.04]]])
        sheet.fill(sheet.line(tail, 0.02), dark, look["lash"])
    red = sheet.skin * np.array([0.42, 0.36, 0.36], np.float32)
    sheet.fill(sheet.line(lower, 0.015), red, look["lid_line"], soft=0.006)
    fold = upper - np.stack([0 * across, look["crease"] * (1 - 0.5 * across**2)], 1)
    sheet.fill(sheet.line(fold, 0.02), red, look["crease_strength"], soft=0.012)


def paint_brows(rng, sheet, person) -> None:
    head = sheet.head
    height, arch, frown = rng.normal(-0.27, 0.035), rng.uniform(0, 0.09), rng.normal(0, 0.03)
    thick = rng.uniform(0.03, 0.072) * (1.15 if person.masculine else 0.9)
    dense, hairs = rng.uniform(0.45, 1), rng.uniform(0.2, 0.6)
    inner, outer = rng.uniform(0.2, 0.28), rng.uniform(0.24, 0.32)
    along = np.linspace(0, 1, 9)
    middle = height - arch * np.sin(along * 2.2) + 0.06 * along**3 + frown * (1 - along)
    half = thick * np.interp(along, [0, 0.1, 0.5, 1], [0.7, 1, 0.9, 0.15])
    for side, label in ((-1, labels.L_BROW), (1, labels.R_BROW)):
        x = side * (head.eye_x - inner + (inner + outer) * along)
        outline = np.concatenate([np.stack([x, middle - half], 1), np.stack([x, middle + half], 1)[::-1]])
        mask = sheet.mask(outline, rounds=2)
        sheet.fill(mask, label=label)
        sheet.fill(mask, person.brow, dense, soft=0.014)
        count = int(rng.integers(10, 30))
        at = rng.uniform(0, 1, count)
        roots = np.stack(
            [
                np.interp(at, along, x),
                np.interp(at, along, middle) + rng.uniform(-0.8, 0.8, count) * np.interp(at, along, half),
            ],
            1,
        )
        lean = np.stack([side * rng.uniform(0.03, 0.1, count), np.interp(at, [0, 0.3, 1], [-0.08, -0.03, 0.03])], 1)
        sheet.fill(sheet.segments(roots, roots + lean, 0.01), person.brow * 0.7, hairs)
        sheet.raise_(mask, 0.015, soft=0.03)
