"""Eyes and brows on the sheet, as the expression holds them. A shut eye's label is the strip of its lashes."""

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
_SHUT = 0.018  # an eye that opens less shows its lashes only
_STRIP = 0.026  # half the height of their label, in units


def paint_eyes(rng, sheet, person, light) -> None:
    face = sheet.head.expression
    look = dict(
        opening=float(np.clip(rng.normal(0.088, 0.02), 0.035, 0.13)) + 0.02 * person.child,
        width=rng.normal(0.205, 0.016) + 0.015 * person.child,
        tilt=rng.normal(0.015, 0.03),
        gaze=np.clip(rng.normal(0, 0.045, 2), -0.1, 0.1) * [1, 0.4] + [0, face.look_down],
        peak=rng.uniform(-0.25, 0.1),  # how far outwards the upper lid is highest
        iris=np.clip(np.array(pick(rng, IRISES)) * rng.uniform(0.7, 1.3), 0, 1),
        iris_size=0.105 * rng.uniform(0.9, 1.1),
        pupil=rng.uniform(0.32, 0.5),
        white=np.array([0.92, 0.9, 0.88]) * rng.uniform(0.72, 1.0),
        sag=rng.uniform(0.02, 0.05) - 0.09 * face.squeeze * rng.uniform(0.4, 1),
        lash=rng.uniform(0.1, 0.7) if person.masculine else rng.uniform(0.3, 1.0),
        lash_width=rng.uniform(0.012, 0.03) if person.masculine else rng.uniform(0.015, 0.04),
        lash_length=rng.uniform(0.04, 0.1) if person.made_up else rng.uniform(0, 0.05),
        lashes=int(rng.integers(8, 20)),
        crease=rng.uniform(0.03, 0.09),
        crease_strength=rng.uniform(0.1, 0.6) * happens(rng, 0.85),
        lid_line=rng.uniform(0.1, 0.6),
        liner=person.made_up * happens(rng, 0.6) * rng.uniform(0.02, 0.05),
        sparkle=rng.uniform(0.5, 1) * happens(rng, 0.85),
        sparkle_size=rng.uniform(0.12, 0.3),
        shade=rng.uniform(0.2, 0.6),
        light=light.direction[0],
    )
    for side in (-1, 1):
        _Eye(sheet, side, look).paint()


class _Eye:
    """One eye between two lids, which are curves through points from its left to its right end."""

    def __init__(self, sheet, side, look):
        face, self.sheet, self.side, self.look = sheet.head.expression, sheet, side, look
        self.label = labels.L_EYE if side < 0 else labels.R_EYE
        self.opening = look["opening"] * face.lid(side)
        a = np.linspace(-1, 1, 15)
        x = side * sheet.head.eye_x + a * look["width"] * (1 - 0.08 * face.squeeze)
        line = look["sag"] * max(0.0, 1 - face.lid(side)) * (1 - a**2) - look["tilt"] * a * side
        upper = line - self.opening * (1 - np.abs(a) ** 2.2) * (1 + look["peak"] * a * side)
        lower = line + self.opening * (0.62 - 0.4 * face.squeeze) * (1 - a**2)
        self.upper, self.lower = np.stack([x, upper], 1), np.stack([x, lower], 1)
        rest = -look["opening"] * (1 - 0.3 * face.squeeze) * (1 - a**2) - look["tilt"] * a * side
        fold = np.minimum(upper - 0.02, rest) - look["crease"] * (1 - 0.5 * a**2)
        self.fold = np.stack([x, fold], 1)

    def paint(self):
        sheet, look = self.sheet, self.look
        sheet.raise_(sheet.mask(np.concatenate([self.fold, self.upper[::-1]])), 0.03, soft=0.02)
        dark = np.minimum(sheet.skin * 0.3, 0.12)
        if self.opening < _SHUT:
            self._strip()
            width, down = max(0.022, look["lash_width"]), 1.0
            sheet.fill(sheet.line(self.upper, width), dark, max(0.45, look["lash"]), soft=0.005)
        else:
            self._ball()
            width, down = look["lash_width"], -1.0
            sheet.fill(sheet.line(self.upper, width), dark, look["lash"], soft=0.004)
        self._lashes(dark, down)
        if look["liner"]:
            outer = self.upper[-3:] if self.side > 0 else self.upper[:3][::-1]
            tail = np.concatenate([outer, [outer[-1] + [self.side * 0.06, -0.04]]])
            sheet.fill(sheet.line(tail, look["liner"]), dark, look["lash"])
            sheet.fill(sheet.line(self.upper, look["liner"]), dark, look["lash"])
        red = sheet.skin * np.array([0.42, 0.36, 0.36], np.float32)
        sheet.fill(sheet.line(self.lower, 0.015), red, look["lid_line"], soft=0.006)
        sheet.fill(sheet.line(self.fold, 0.02), red, look["crease_strength"], soft=0.012)

    def _strip(self):
        thin = np.sqrt(np.linspace(0, 1, 8)[np.minimum(np.arange(15), np.arange(15)[::-1])])
        half = np.stack([np.zeros(15), _STRIP * thin], 1)
        outline = np.concatenate([self.upper - half, (self.upper + half)[::-1]])
        self.sheet.fill(self.sheet.mask(outline), label=self.label)

    def _ball(self):
        """White, iris, pupil, the upper lid's shade and a sparkle."""
        sheet, look = self.sheet, self.look
        mask = sheet.mask(np.concatenate([self.upper, self.lower[::-1][1:-1]]))
        sheet.fill(mask, look["white"], label=self.label)
        area = paint.box(mask)
        if area is not None:
            sheet.label[area][mask[area] > 90] = self.label  # annotators count the lash line in
            sheet.gloss[area][mask[area] > 127] = 0.1
        inner = self.upper[-1 if self.side < 0 else 0]
        pink = paint.disc(np.zeros(sheet.shape, np.uint8), sheet.pixels([inner])[0], 0.035 * sheet.unit)
        sheet.fill(cv2.min(pink, mask), sheet.skin * [0.95, 0.6, 0.6], 0.6)
        gaze = [self.side * sheet.head.eye_x + look["gaze"][0], look["gaze"][1] - 0.15 * look["opening"]]
        centre, radius = sheet.pixels([gaze])[0], look["iris_size"] * sheet.unit
        for share, tone in ((1, look["iris"] * 0.45), (0.78, look["iris"]), (look["pupil"], (0.02, 0.02, 0.02))):
            sheet.fill(cv2.min(paint.disc(np.zeros(sheet.shape, np.uint8), centre, radius * share), mask), tone)
        shade = sheet.softened(sheet.line(self.upper + [0, 0.02], 0.05), 0.02)
        sheet.fill(cv2.min(shade, mask), (0.1, 0.06, 0.05), look["shade"])
        if look["sparkle"]:
            at = centre + np.array([look["light"] * 0.06, -0.035]) * sheet.unit
            spot = paint.disc(np.zeros(sheet.shape, np.uint8), at, max(0.8, radius * look["sparkle_size"]))
            sheet.fill(cv2.min(spot, mask), (1.3, 1.3, 1.3), look["sparkle"])

    def _lashes(self, dark, down):
        """Strokes that fan out from the upper lid: upwards from an open eye, down from a shut one."""
        look = self.look
        if look["lash_length"] < 0.02:
            return
        a = np.linspace(-0.8, 1, look["lashes"]) * self.side
        roots = np.stack([np.interp(a, np.linspace(-1, 1, 15), self.upper[:, i]) for i in (0, 1)], 1)
        fan = np.stack([0.6 * a + 0.2 * self.side, down * (1 - 0.3 * np.abs(a))], 1) * look["lash_length"]
        self.sheet.fill(self.sheet.segments(roots, roots + fan, 0.012), dark, 0.8 * look["lash"])


def paint_brows(rng, sheet, person) -> None:
    head, face = sheet.head, sheet.head.expression
    height = rng.normal(-0.27, 0.03) - face.brows + 0.03 * face.squeeze + 0.02 * face.knit
    arch, frown = rng.uniform(0, 0.09), rng.normal(0, 0.025) + 0.08 * face.knit - 0.3 * max(0.0, face.brows)
    thick = rng.uniform(0.03, 0.072) * (1.15 if person.masculine else 0.65 if person.child else 0.9)
    dense, hairs = rng.uniform(0.45, 1), rng.uniform(0.2, 0.6)
    inner, outer = rng.uniform(0.2, 0.28) + 0.03 * face.knit, rng.uniform(0.24, 0.32)
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
        middles = np.interp(at, along, middle) + rng.uniform(-0.8, 0.8, count) * np.interp(at, along, half)
        roots = np.stack([np.interp(at, along, x), middles], 1)
        lean = np.stack([side * rng.uniform(0.03, 0.1, count), np.interp(at, [0, 0.3, 1], [-0.08, -0.03, 0.03])], 1)
        sheet.fill(sheet.segments(roots, roots + lean, 0.01), person.brow * 0.7, hairs)
        sheet.raise_(mask, 0.015, soft=0.03)
