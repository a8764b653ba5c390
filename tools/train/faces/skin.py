"""The skin's colour on the sheet: blush, sockets, freckles, moles, pores, oil."""

import cv2
import numpy as np

from . import labels, paint
from .chance import happens
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
    if person.masculine:  # a shaved jaw
        jaw = np.clip((ys - 0.75) / 0.3, 0, 1) * np.clip(1.2 - bump(xs, ys, 0, head.mouth_y, 0.3, 0.1), 0, 1)
        shade *= 1 - rng.uniform(0, 0.25) * happens(rng, 0.5) * jaw[..., None] * np.array([1.0, 0.85, 0.7])
    sheet.colour *= cv2.resize(shade.astype(np.float32), sheet.shape[::-1], interpolation=cv2.INTER_LINEAR)
    sheet.label[(np.abs(sheet.theta) > 1.7) & (y > 0.6)] = labels.NECK  # behind the ears
    _texture(rng, sheet, bank)


def _texture(rng, sheet, bank):
    pores = bank.patch(rng, "fine", 256)
    cloudy = bank.patch(rng, "fractal", 256)
    grain = rng.uniform(0.003, 0.03) * pores + rng.uniform(0, 0.035) * cloudy
    grain = cv2.resize(grain, sheet.shape[::-1])
    if happens(rng, 0.15):
        # freckles
        spots = (cv2.resize(bank.patch(rng, "fine", 256), sheet.shape[::-1]) > 1.5).astype(np.float32)
        where = np.minimum(1, twin_bumps(sheet.x, sheet.y, 0.4, 0.4, 0.4, 0.3))
        grain -= rng.uniform(0.08, 0.3) * cv2.GaussianBlur(spots, (0, 0), 0.6) * where
    flush = cv2.resize(bank.patch(rng, "fractal", 128), sheet.shape[::-1]) * np.float32(rng.uniform(0, 0.035))
    for channel, share in enumerate((0.6, -1, -0.7)):  # redder and paler patches
        sheet.colour[..., channel] *= 1 + grain + np.float32(share) * flush
    _moles(rng, sheet)
    oil = 1 + 0.4 * cv2.resize(cloudy, sheet.shape[::-1])
    if happens(rng, 0.4):  # forehead, nose and cheeks shine most
        x, y = sheet.x[::4, ::4], sheet.y[::4, ::4]
        patches = bump(x, y, 0, -0.65, 0.4, 0.2) + bump(x, y, 0, 0.4, 0.1, 0.25)
        patches += twin_bumps(x, y, 0.5, 0.35, 0.2, 0.15)
        oil += rng.uniform(0.5, 3) * cv2.resize(patches.astype(np.float32), sheet.shape[::-1])
    sheet.gloss[:] = np.clip(rng.uniform(0, 0.25) * oil, 0, 1)


def _moles(rng, sheet):
    """Moles, pimples, small scars."""
    mask = np.zeros(sheet.shape, np.uint8)
    for _ in range(int(rng.poisson(1.5))):
        at = sheet.pixels([[rng.uniform(-0.8, 0.8), rng.uniform(-0.9, 1.3)]])[0]
        paint.disc(mask, at, max(0.7, rng.uniform(0.008, 0.025) * sheet.unit))
    tone = sheet.skin * (np.array([0.4, 0.3, 0.25]) if happens(rng, 0.7) else np.array([1.0, 0.6, 0.55]))
    sheet.fill(mask, tone, rng.uniform(0.3, 0.9), soft=0.006)
