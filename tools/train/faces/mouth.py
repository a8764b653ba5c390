"""The mouth on the sheet: shut, smiling with teeth, or wide open, with tongue and both rows of teeth."""

import cv2
import numpy as np

from . import labels, paint
from .chance import happens, weighted


def paint_mouth(rng, sheet, person, bank) -> None:
    head, dark = sheet.head, person.darkness
    kind = weighted(rng, {"shut": 0.4, "grin": 0.32, "ajar": 0.14, "open": 0.14})
    opening = {
        "shut": 0.0,
        "grin": rng.uniform(0.05, 0.17),
        "ajar": rng.uniform(0.03, 0.1),
        "open": rng.uniform(0.12, 0.42),
    }[kind]
    smile = rng.uniform(0.05, 0.15) if kind == "grin" else rng.normal(0.02, 0.04)
    wide = rng.normal(0.36, 0.035) * (1 + 0.08 * dark) * (1 + max(0, smile)) * (1 - 0.5 * max(0, opening - 0.15))
    upper_lip = rng.uniform(0.05, 0.11) * (1 + 0.3 * dark) * (1 - 1.2 * max(0, smile))
    lower_lip = rng.uniform(0.075, 0.14) * (1 + 0.3 * dark)

    a = np.linspace(-1, 1, 21)
    arc, round_ = 1 - np.abs(a) ** 1.9, 1 - np.abs(a) ** 2.4
    corner = head.mouth_y - smile * np.abs(a) ** 1.6
    bow = 1 - 0.3 * np.exp(-((a / 0.14) ** 2)) * rng.uniform(0.2, 1.2)
    inner_top, inner_low = corner - opening * 0.3 * arc, corner + opening * 0.7 * round_
    curl = 0.008 * np.cos(a * 5) * (1 - np.abs(a))
    top = inner_top - upper_lip * (1 - np.abs(a) ** 1.5) * bow
    low = inner_low + lower_lip * (1 - np.abs(a) ** 2.2)

    def curve(y):
        return np.stack([a * wide, y], 1)

    def between(upper, lower):
        return sheet.mask(np.concatenate([curve(upper), curve(lower)[::-1]]))

    if opening > 0.01:
        _inside(rng, sheet, between, curve, inner_top, inner_low, opening, kind)
    lip = (
        sheet.skin
        * np.array([rng.uniform(0.85, 1.0), rng.uniform(0.5, 0.8), rng.uniform(0.5, 0.85)])
        * rng.uniform(0.75, 1.05)
    )
    if not person.masculine and happens(rng, 0.4):
        lip = np.array([rng.uniform(0.45, 0.95), rng.uniform(0.05, 0.45), rng.uniform(0.1, 0.5)]) * rng.uniform(
            0.6, 1.1
        )
    lip = np.clip(lip, 0, 1).astype(np.float32)
    shine = rng.uniform(0, 0.5)
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
    rim = sheet.line(curve(top), 0.015)
    sheet.fill(sheet.line(curve(low), 0.015, mask=rim), sheet.skin * 0.6, rng.uniform(0, 0.35), soft=0.02)


def _inside(rng, sheet, between, curve, top, low, opening, kind):
    """The dark of the mouth, tongue, then teeth: the upper row hangs from the lip, the lower stands on the other."""
    mouth = between(top, low)
    sheet.fill(mouth, (rng.uniform(0.08, 0.3), rng.uniform(0.03, 0.1), rng.uniform(0.03, 0.1)), label=labels.MOUTH)
    area = mouth > 127
    sheet.raise_(mouth, -0.1, soft=0.01)
    sheet.gloss[area] = 0.05
    height = low - top
    if opening > 0.1 and happens(rng, 0.6):
        tongue = between(top + height * rng.uniform(0.45, 0.75), low + 0.01)
        red = np.array([rng.uniform(0.5, 0.8), rng.uniform(0.22, 0.4), rng.uniform(0.22, 0.4)])
        sheet.fill(cv2.min(sheet.softened(tongue, 0.03), mouth), red, rng.uniform(0.5, 0.9))
    ivory = np.array([0.93, 0.9, 0.84]) * rng.uniform(0.72, 1.05)
    rows = []
    if happens(rng, 0.9):
        share = rng.uniform(0.7, 1.05) if kind == "grin" else min(0.8, rng.uniform(0.06, 0.13) / opening)
        rows.append(between(top, top + height * share))
    if happens(rng, 0.3) and opening > 0.06:
        rows.append(between(low - height * min(0.4, rng.uniform(0.04, 0.09) / opening), low))
    gaps, seams = np.zeros(sheet.shape, np.uint8), rng.uniform(0.05, 0.35)
    y = sheet.head.mouth_y
    for x in np.arange(-4, 5) * rng.uniform(0.06, 0.085):
        sheet.line([[x, y - 0.35], [x, y + 0.45]], 0.008, 0, mask=gaps)
    for row in rows:
        row = cv2.min(sheet.softened(row, 0.006), mouth)
        area = paint.box(row)
        if area is None:
            continue
        fade = np.clip(1.1 - 3.0 * sheet.x[area] ** 2, 0.25, 1)[..., None]
        paint.blend(sheet.colour[area], row[area], (ivory * fade).astype(np.float32))
        sheet.fill(cv2.min(gaps, row), (0.45, 0.36, 0.32), seams)
