"""Folds and wrinkles on the sheet: those that age leaves, and those that an expression makes."""

import numpy as np

from .chance import happens


def paint_wrinkles(rng, sheet, person) -> None:
    folds = _Folds(sheet)
    face = sheet.head.expression
    joy = min(1.0, max(0.0, face.smile) * 7)
    age = {"child": 0, "adult": rng.uniform(0, 0.3) * happens(rng, 0.6), "old": rng.uniform(0.4, 1)}[person.age]
    _beside_nose(rng, folds, 0.12 * happens(rng, 0.6) + 0.4 * joy + 0.35 * age, joy)
    _below_eyes(rng, folds, 0.25 * happens(rng, 0.5) + 0.3 * face.squeeze + 0.3 * age)
    _crows_feet(rng, folds, 0.55 * face.squeeze * rng.uniform(0.2, 1) + 0.35 * age - 0.1)
    _forehead(rng, folds, 5 * max(0.0, face.brows - 0.02) + 0.4 * age * happens(rng, 0.7))
    _between_brows(rng, folds, 0.5 * max(face.knit - 0.2, 0) + 0.2 * age * happens(rng, 0.5))
    if age > 0.4:
        _marionette(rng, folds, 0.5 * age * happens(rng, 0.6))
        _cracks(rng, folds, age)


class _Folds:
    """Dark creases that also sink, in units of the head."""

    def __init__(self, sheet):
        self.sheet, self.head = sheet, sheet.head
        self.tone = sheet.skin * np.array([0.5, 0.4, 0.38], np.float32)

    def __call__(self, points, width, strength):
        strength = float(np.clip(strength, 0, 0.75))
        if strength < 0.03:
            return
        mask = self.sheet.line(points, width)
        self.sheet.fill(mask, self.tone, strength, soft=0.018)
        self.sheet.raise_(mask, -0.05 * strength, soft=0.03)


def _beside_nose(rng, fold, strength, joy):
    """From the nose's wings round the mouth's corners; a smile pushes them outwards."""
    head = fold.head
    nose, mouth, wide = head.nose_y, head.mouth_y, head.nose_width
    out = rng.uniform(0.42, 0.5) + 0.1 * joy
    low = mouth + 0.3 * head.expression.opening + rng.uniform(-0.06, 0.1)
    for s in (-1, 1):
        points = [[s * (wide + 0.03), nose - 0.08], [s * (wide + 0.16 + 0.06 * joy), nose + 0.1]]
        points += [[s * out, mouth - 0.1], [s * (out - 0.01), low]]
        fold(points, 0.035, strength * rng.uniform(0.8, 1.1))


def _below_eyes(rng, fold, strength):
    """Bags: one arc or two."""
    eye = fold.head.eye_x
    rows = (rng.uniform(0.13, 0.17), rng.uniform(0.2, 0.26))
    for drop, share in zip(rows, (1, 0.7) if happens(rng, 0.5) else (1, 0)):
        for s in (-1, 1):
            points = [[s * (eye - 0.2), drop - 0.07], [s * eye, drop + 0.03], [s * (eye + 0.2), drop - 0.08]]
            fold(points, 0.028, strength * share)


def _crows_feet(rng, fold, strength):
    start = fold.head.eye_x + 0.23
    for s in (-1, 1):
        for rise in np.linspace(-0.12, 0.14, int(rng.integers(2, 5))) + rng.normal(0, 0.01):
            reach = rng.uniform(0.1, 0.2)
            steps = ((0, 0.35), (0.5, 0.8), (1, 1.3))
            fold([[s * (start + along * reach), rise * steep] for along, steep in steps], 0.016, strength)


def _forehead(rng, fold, strength):
    for row in range(int(rng.integers(2, 5))):
        height, bow = -0.5 - 0.12 * row + rng.normal(0, 0.015), rng.normal(0.02, 0.02)
        points = [[-0.5, height], [-0.25, height - bow], [0, height], [0.25, height - bow], [0.5, height]]
        fold(points, 0.025, strength * rng.uniform(0.5, 1))


def _between_brows(rng, fold, strength):
    for x in (-0.09, 0.09) if happens(rng, 0.7) else (-0.1, 0.0, 0.1):
        fold([[x, -0.36], [x * 0.8, -0.25], [x * 1.1, -0.14]], 0.025, strength)


def _marionette(rng, fold, strength):
    """From the mouth's corners down."""
    mouth = fold.head.mouth_y
    for s in (-1, 1):
        fold([[s * 0.38, mouth + 0.03], [s * 0.42, mouth + 0.15], [s * 0.43, mouth + 0.3]], 0.03, strength)


def _cracks(rng, fold, age):
    """Fine lines anywhere."""
    for _ in range(int(rng.integers(6, 24) * age)):
        x, y = rng.uniform(-0.8, 0.8), rng.uniform(-0.6, 1.3)
        points = [[x, y], [x * 1.1 + rng.normal(0, 0.04), y + rng.uniform(0.05, 0.2)]]
        points.append([x * 1.15 + rng.normal(0, 0.06), y + rng.uniform(0.2, 0.35)])
        fold(points, 0.02, rng.uniform(0.05, 0.3))
