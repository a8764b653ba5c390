"""The skin's colour on the sheet: blush, sockets, make-up, freckles, pores, wrinkles and folds."""

import cv2
import numpy as np

from .chance import colour, happens
from .head import bump, twin_bumps


def paint_skin(rng, sheet, person, bank) -> None:
    head, x, y, dark = sheet.head, sheet.x, sheet.y, person.darkness
    small = 4  # soft shades are worked out on every fourth pixel
    xs, ys = x[::small, ::small], y[::small, ::small]
    shade = np.ones((*xs.shape, 3), np.float32)
    blush = (
        twin_bumps(xs, ys, rng.uniform(0.5, 0.65), rng.uniform(0.35, 0.55), 0.22, 0.18)
        + 0.6 * bump(xs, ys, 0, head.nose_y, 0.15, 0.12)
        + 0.3 * bump(xs, ys, 0, head.chin_y, 0.2, 0.1)
    )
    redder = np.array([0.12, -0.3, -0.25]) * rng.uniform(0, 0.25) * (1.2 - dark)
    shade *= 1 + blush[..., None] * redder
    sockets = twin_bumps(xs, ys, head.eye_x, 0.02, 0.2, 0.13)[..., None]
    shade *= 1 - rng.uniform(0, 0.25) * sockets * np.array([0.8, 1, 0.9])
    below = bump(xs, ys, 0, head.nose_y + 0.13, 0.2, 0.05) + 0.7 * bump(xs, ys, 0, head.mouth_y + 0.2, 0.2, 0.05)
    shade *= 1 - rng.uniform(0, 0.3) * below[..., None]
    side = np.clip(np.abs(xs) - 0.6, 0, 1)[..., None]
    shade *= 1 - rng.uniform(-0.1, 0.25) * side
    sheet.colour *= cv2.resize(shade.astype(np.float32), sheet.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if not person.masculine and happens(rng, 0.35):
        lids = np.minimum(1, twin_bumps(xs, ys, head.eye_x, -0.07, 0.18, 0.07)) * rng.uniform(0.15, 0.6)
        lids = cv2.resize(lids.astype(np.float32), sheet.shape[::-1])[..., None]
        sheet.colour += lids * (colour(rng, 0.1, 0.7) - sheet.colour)
    _texture(rng, sheet, bank)
    _folds(rng, sheet, person)


def _texture(rng, sheet, bank):
    pores = bank.patch(rng, "fine", 256)
    cloudy = bank.patch(rng, "fractal", 256)
    grain = rng.uniform(0.003, 0.03) * pores + rng.uniform(0, 0.035) * cloudy
    grain = cv2.resize(grain, sheet.shape[::-1])
    if happens(rng, 0.15):
        spots = (cv2.resize(bank.patch(rng, "fine", 256), sheet.shape[::-1]) > 1.5).astype(np.float32)
        where = np.minimum(1, twin_bumps(sheet.x, sheet.y, 0.4, 0.4, 0.4, 0.3))
        grain -= rng.uniform(0.08, 0.3) * cv2.GaussianBlur(spots, (0, 0), 0.6) * where
    sheet.colour *= (1 + grain)[..., None]
    sheet.gloss[:] = np.clip(rng.uniform(0, 0.25) * (1 + 0.4 * cv2.resize(cloudy, sheet.shape[::-1])), 0, 1)


def _folds(rng, sheet, person):
    head, old = sheet.head, person.old
    crease = sheet.skin * np.array([0.5, 0.4, 0.38], np.float32)

    def fold(points, width, strength):
        mask = sheet.line(points, width)
        sheet.fill(mask, crease, strength, soft=0.02)
        sheet.raise_(mask, -0.04 * strength, soft=0.03)

    nose, mouth, wide, eye = head.nose_y, head.mouth_y, head.nose_width, head.eye_x
    if happens(rng, 0.65) or old:
        strength = rng.uniform(0.05, 0.35) + 0.15 * old
        for s in (-1, 1):
            fold(
                [
                    [s * (wide + 0.05), nose - 0.06],
                    [s * (wide + 0.18), nose + 0.14],
                    [s * rng.uniform(0.44, 0.54), mouth - 0.02],
                ],
                0.035,
                strength,
            )
    if happens(rng, 0.6):
        strength, drop = rng.uniform(0.05, 0.3), rng.uniform(0.18, 0.25)
        for s in (-1, 1):
            fold([[s * (eye - 0.2), 0.12], [s * eye, drop], [s * (eye + 0.18), 0.12]], 0.03, strength)
    if happens(rng, 0.2 + 0.5 * old):
        for row in range(int(rng.integers(1, 4))):
            height = -0.58 - 0.13 * row
            fold(
                [[-0.5, height], [0, height - 0.03 + rng.normal(0, 0.03)], [0.5, height]],
                0.025,
                rng.uniform(0.05, 0.25),
            )
    if old:
        for _ in range(int(rng.integers(4, 16))):
            x, y = rng.uniform(-0.75, 0.75), rng.uniform(-0.6, 1.3)
            fold(
                [
                    [x, y],
                    [x * 1.1 + rng.normal(0, 0.04), y + rng.uniform(0.05, 0.2)],
                    [x * 1.15 + rng.normal(0, 0.06), y + rng.uniform(0.2, 0.35)],
                ],
                0.025,
                rng.uniform(0.05, 0.25),
            )
