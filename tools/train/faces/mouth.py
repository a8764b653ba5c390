"""The mouth on the sheet, as the expression opens and bends it: lips, and within them the dark, tongue, gums, teeth."""

import cv2
import numpy as np

from . import labels, paint
from .chance import colour, happens


def paint_mouth(rng, sheet, person, bank) -> None:
    head, dark, face = sheet.head, person.darkness, sheet.head.expression
    opening, joy = face.opening, max(0.0, face.smile)
    wide = rng.normal(0.3 if person.child else 0.35, 0.03) * (1 + 0.08 * dark) * face.spread
    stretched = (1 - 1.5 * joy) * (1 - 0.4 * min(opening, 0.6)) * (1 + 0.35 * face.pucker)
    upper_lip = max(0.022, rng.uniform(0.05, 0.12) * (1 + 0.35 * dark) * stretched)
    lower_lip = max(0.03, rng.uniform(0.075, 0.15) * (1 + 0.35 * dark) * stretched)

    a = np.linspace(-1, 1, 25)
    leaf, oval = 1 - np.abs(a) ** rng.uniform(1.6, 2.1), np.sqrt(1 - a**2)
    arc = leaf + (oval - leaf) * face.round
    round_ = 1 - np.abs(a) ** rng.uniform(2.0, 3.0)
    round_ += (oval - round_) * face.round
    corner = head.mouth_y - face.smile * np.abs(a) ** 1.6 - face.skew * a
    bow = 1 - 0.3 * np.exp(-((a / 0.14) ** 2)) * rng.uniform(0.2, 1.2)
    inner_top, inner_low = corner - opening * face.upward * arc, corner + opening * (1 - face.upward) * round_
    curl = 0.008 * np.cos(a * 5) * (1 - np.abs(a))
    full = 1 - np.abs(a) ** (1.5 + 1.5 * face.round)
    top = inner_top - upper_lip * full * bow
    low = inner_low + lower_lip * (1 - np.abs(a) ** (2.2 + 1.5 * face.round))

    def curve(y):
        return np.stack([a * wide, y], 1)

    def between(upper, lower):
        return sheet.mask(np.concatenate([curve(upper), curve(lower)[::-1]]))

    if opening > 0.01:
        _inside(rng, sheet, between, inner_top, inner_low, wide)
    lip, shine = _lip_colour(rng, person)
    for upper, lower, label, tone in (
        (top, inner_top + curl, labels.UPPER_LIP, rng.uniform(0.75, 0.98)),
        (inner_low + curl, low, labels.LOWER_LIP, rng.uniform(0.92, 1.12)),
    ):
        mask = between(upper, lower)
        sheet.fill(mask, lip * tone, rng.uniform(0.8, 1.0), soft=rng.uniform(0.0, 0.012))
        sheet.fill(mask, label=label)
        sheet.raise_(mask, rng.uniform(0.02, 0.06), soft=0.03)
        sheet.gloss[mask > 127] = shine
    if opening <= 0.01:
        sheet.fill(sheet.line(curve(corner + curl), 0.022), lip * 0.25, rng.uniform(0.5, 1), soft=0.006)
        sheet.raise_(sheet.line(curve(corner + curl), 0.03), -0.05, soft=0.02)
    _corners(sheet, curve(corner), joy)
    rim = sheet.line(curve(top), 0.015)
    sheet.fill(sheet.line(curve(low), 0.015, mask=rim), sheet.skin * 0.6, rng.uniform(0, 0.35), soft=0.02)


def _lip_colour(rng, person):
    """RGB, and how much it shines: the skin's, redder, or lipstick."""
    flesh = np.array([rng.uniform(0.85, 1.0), rng.uniform(0.5, 0.8), rng.uniform(0.5, 0.85)])
    lip = person.skin * flesh * rng.uniform(0.75, 1.05)
    if person.made_up and happens(rng, 0.7):
        red = np.array([rng.uniform(0.45, 0.95), rng.uniform(0.05, 0.45), rng.uniform(0.1, 0.5)])
        lip = (red if happens(rng, 0.85) else colour(rng, 0.05, 0.9)) * rng.uniform(0.5, 1.1)
    return np.clip(lip, 0, 1).astype(np.float32), rng.uniform(0, 0.8 if person.made_up else 0.4)


def _corners(sheet, corner, joy):
    """The small dark dents where the lips meet."""
    for end in (corner[0], corner[-1]):
        dent = sheet.line([end * [0.98, 1], end * [1.03, 1] - [0, 0.01]], 0.03)
        sheet.fill(dent, sheet.skin * 0.4, 0.3 + joy, soft=0.012)


def _inside(rng, sheet, between, top, low, wide):
    """The dark of the mouth, tongue, then teeth: the upper row hangs from the lip, the lower stands on the other."""
    face, mouth = sheet.head.expression, between(top, low)
    sheet.fill(mouth, (rng.uniform(0.06, 0.3), rng.uniform(0.02, 0.1), rng.uniform(0.02, 0.1)), label=labels.MOUTH)
    sheet.raise_(mouth, -0.07, soft=0.015)
    sheet.gloss[mouth > 127] = 0.05
    height = low - top
    if face.tongue:
        tongue = between(top + height * rng.uniform(0.4, 0.75), low + 0.01)
        red = np.array([rng.uniform(0.45, 0.85), rng.uniform(0.2, 0.42), rng.uniform(0.2, 0.42)])
        sheet.fill(cv2.min(sheet.softened(tongue, 0.03), mouth), red, rng.uniform(0.5, 0.95))
    ivory = np.array([0.95, 0.92, 0.86]) * rng.uniform(0.72, 1.12) * [1, 1, rng.uniform(0.8, 1.02)]
    bow = rng.uniform(-0.2, 0.15) * np.linspace(-1, 1, len(top)) ** 2  # a row is straighter or rounder than its lip
    if face.upper_teeth > 0.01:
        edge = top + np.minimum(face.upper_teeth * (1 - bow), height)
        _row(rng, sheet, between(top, edge), mouth, ivory, wide)
        if happens(rng, 0.2):
            gums = between(top, top + rng.uniform(0.02, 0.05))
            sheet.fill(cv2.min(gums, mouth), (rng.uniform(0.6, 0.85), 0.4, 0.4), soft=0.005)
    if face.lower_teeth > 0.01:
        edge = low - np.minimum(face.lower_teeth * (1 + bow), height * 0.8)
        _row(rng, sheet, between(edge, low), mouth, ivory * rng.uniform(0.7, 1), wide)


def _row(rng, sheet, row, mouth, ivory, wide):
    """Teeth, shaded towards the cheeks, with hints of the gaps between them."""
    row = cv2.min(sheet.softened(row, 0.006), mouth)
    area = paint.box(row)
    if area is None:
        return
    fade = np.clip(1.1 - rng.uniform(0.5, 1.2) * (sheet.x[area] / wide) ** 2, 0.15, 1)[..., None]
    paint.blend(sheet.colour[area], row[area], (ivory * fade).astype(np.float32))
    sheet.gloss[row > 127] = rng.uniform(0.05, 0.4)
    gaps, y = np.zeros(sheet.shape, np.uint8), sheet.head.mouth_y
    for x in np.arange(-5, 6) * rng.uniform(0.06, 0.085):
        sheet.line([[x, y - 0.35], [x * 0.95, y + 0.6]], 0.008, 0, mask=gaps)
    sheet.fill(cv2.min(gaps, row), (0.4, 0.3, 0.27), rng.uniform(0.0, 0.4))
