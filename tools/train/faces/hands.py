"""Hands before the face: jointed fingers, thumb, palm and forearm, posed as people hold them.

A hand is drawn in a frame of its own: the wrist at the origin, the fingers towards +y, units as on the head.
"""

import numpy as np

from . import labels, paint
from .chance import happens, pick, weighted
from .fabric import fabric, plain_colour
from .people import skin_tone

_KNUCKLES = np.array([[-0.31, 0.78], [-0.1, 0.86], [0.11, 0.83], [0.3, 0.73]])
_LENGTHS = np.array([0.72, 0.82, 0.76, 0.6])
_WIDTHS = np.array([0.19, 0.2, 0.19, 0.17])
# How far each finger is stretched (0: folded away, 1: straight), the thumb's turn, and how fingers are spread.
_SHAPES = {
    "fist": ((0.3, 0.3, 0.3, 0.3), 0.2, 0.0),
    "point": ((1.0, 0.35, 0.3, 0.3), 0.3, 0.0),
    "two": ((0.95, 0.95, 0.3, 0.3), 0.2, 0.1),
    "flat": ((1.0, 1.0, 1.0, 1.0), 0.7, 0.12),
    "relaxed": ((0.75, 0.85, 0.75, 0.6), 0.5, 0.06),
    "curled": ((0.5, 0.55, 0.5, 0.45), 0.4, 0.0),
    "pinch": ((0.65, 0.8, 0.85, 0.8), -0.35, 0.2),
}
# Where hands come: the target on the head (x for the right hand, y), the hand's shapes, where the wrist lies from there
# (degrees from straight below, towards the picture's side), which part of the hand touches (0: wrist, 1: fingertips),
# and a weight.
_GESTURES = {
    "under the chin": ((0.15, 1.55), ("fist", "curled", "relaxed"), (-20, 50), (0.85, 1.0), 0.2),
    "on the chin": ((0.25, 1.3), ("point", "two", "curled", "relaxed"), (0, 50), (0.6, 0.95), 0.2),
    "on the cheek": ((0.75, 0.7), ("flat", "relaxed", "fist", "two"), (5, 45), (0.4, 0.8), 0.22),
    "before the mouth": ((0.1, 1.0), ("relaxed", "flat", "curled", "point"), (-30, 70), (0.4, 0.9), 0.16),
    "at the glasses": ((0.95, 0.0), ("pinch", "two", "point"), (20, 80), (0.8, 1.0), 0.08),
    "in the hair": ((1.0, -0.8), ("relaxed", "flat", "curled"), (20, 100), (0.5, 0.9), 0.09),
    "anywhere": ((0.5, 0.4), tuple(_SHAPES), (-180, 180), (0.2, 1.0), 0.05),
}


def put_hands(rng, canvas, person, pose, head, bank) -> None:
    """One hand or both, of the face's own person mostly."""
    gesture = weighted(rng, {name: entry[-1] for name, entry in _GESTURES.items()})
    own = happens(rng, 0.85)
    looks = _Looks(rng, canvas, person.skin * rng.uniform(0.88, 1.08) if own else skin_tone(rng), own, bank)
    first = pick(rng, (-1, 1))
    for side in (first, -first) if happens(rng, 0.2) else (first,):
        target, shapes, angles, touching, _ = _GESTURES[gesture]
        x, y = np.array(target) + rng.normal(0, 0.12, 2)
        at = pose.project(head.lift([[np.clip(side * x, -0.95, 0.95), min(y, head.bottom - 0.1)]]))[0]
        at[1] += max(0.0, y - head.bottom + 0.1) * canvas.unit
        turn, touch = np.radians(rng.uniform(*angles)) * side, rng.uniform(*touching)
        _Hand(rng, canvas, pick(rng, shapes), side, at, turn, touch).put(rng, canvas, looks)


class _Looks:
    """Colours of skin, nails and sleeve; the same for both hands."""

    def __init__(self, rng, canvas, skin, own, bank):
        self.skin, self.own = np.asarray(skin, np.float32), own
        grain = 0.03 * bank.patch(rng, "fractal", canvas.size) + 0.02 * bank.patch(rng, "fine", canvas.size)
        self.grain = np.clip(self.skin * (1 + grain)[..., None], 0, 1)
        self.nail = np.clip(self.skin * [1.1, 1.02, 1.05], 0, 1)
        if happens(rng, 0.3):
            self.nail = np.clip(rng.uniform(0, 0.9, 3), 0, 1)
        self.creases, self.palm_side = rng.uniform(0.2, 0.6), happens(rng, 0.35)
        self.sleeve = fabric(rng, plain_colour(rng), canvas.size, bank) if happens(rng, 0.6) else None


class _Hand:
    """Outlines in pixels: what touches the target is a fingertip, a knuckle or the palm."""

    def __init__(self, rng, canvas, shape, side, at, turn, touch):
        stretch, self.thumb, spread = _SHAPES[shape]
        self.shape, self.unit = canvas.label.shape, canvas.unit * rng.uniform(0.9, 1.3)
        self.side, cosine, sine = side * pick(rng, (-1, 1)), np.cos(turn), np.sin(turn)
        self.stretch = np.clip(np.array(stretch) + rng.normal(0, 0.06, 4), 0.25, 1)
        self.spread = (np.arange(4) - 1.5) * (spread + rng.uniform(0, 0.05))
        touch = np.array([rng.normal(0, 0.1), touch * (0.85 + 0.7 * self.stretch.max())])
        self._axes = np.array([[cosine * self.side, -sine * self.side], [-sine, -cosine]]) * self.unit
        self._origin = at - touch @ self._axes
        self.broad = rng.uniform(0.9, 1.1)

    def pixels(self, points):
        return np.asarray(points, np.float64) * [self.broad, 1] @ self._axes + self._origin

    def put(self, rng, canvas, looks) -> None:
        base = self._reach(canvas)
        self._put_arm(rng, canvas, looks, base)
        palm = [
            [-0.27, -0.05],
            [0.27, -0.05],
            [0.36, 0.3],
            [0.4, 0.72],
            [0.2, 0.92],
            [-0.15, 0.96],
            [-0.4, 0.8],
            [-0.4, 0.3],
        ]
        self._put_part(canvas, looks, paint.polygon(self.shape, self.pixels(paint.smooth(palm, 2))), base, 0.3)
        thumb_first = happens(rng, 0.5)
        if thumb_first:
            self._put_thumb(rng, canvas, looks, base)
        for finger in rng.permutation(4) if happens(rng, 0.3) else range(4):
            self._put_finger(rng, canvas, looks, finger, base)
        if not thumb_first:
            self._put_thumb(rng, canvas, looks, base)

    def _reach(self, canvas):
        """Depth of the hand: it touches what it lies on."""
        x, y = np.clip(self.pixels([[0, 0.9]])[0], 0, canvas.size - 1).astype(int)
        around = canvas.depth[max(0, y - 12) : y + 13, max(0, x - 12) : x + 13]
        return float(np.clip(around.max(), 0.4, 1.5)) + 0.05

    def _put_part(self, canvas, looks, mask, base, round_):
        unit = self.unit
        canvas.tint(paint.blur(mask, 0.035 * unit), looks.skin * 0.35, 0.35)  # the shadow between fingers
        depth = base + paint.inflate(mask, max(2.0, round_ * unit)) / unit * 0.7
        canvas.put(mask, looks.grain, labels.BACKGROUND, depth, 0.08)

    def _put_finger(self, rng, canvas, looks, finger, base):
        stretch, width = self.stretch[finger], _WIDTHS[finger]
        start, lean = _KNUCKLES[finger], self.spread[finger]
        direction = np.array([np.sin(lean), np.cos(lean)])
        end = start + direction * _LENGTHS[finger] * stretch * (0.9 if stretch > 0.6 else 0.75)
        bow = np.array([direction[1], -direction[0]]) * rng.normal(0, 0.03)
        joints = np.array([start - 0.1 * direction, (start + end) / 2 + bow, end])
        curve = self.pixels(paint.smooth(joints, 2, closed=False))
        mask = np.zeros(self.shape, np.uint8)
        paint.line(mask, curve, width * self.unit)
        paint.disc(mask, curve[-1], width * 0.48 * self.unit)
        self._put_part(canvas, looks, mask, base + 0.02, 0.5 * width)
        across = np.array([direction[1], -direction[0]]) * width * 0.36
        lines = np.zeros(self.shape, np.uint8)
        for share in (0.05, 0.5, 0.75) if stretch > 0.6 else (0.0, 0.85):
            for shift in (-0.02, 0.02):
                middle = start + (end - start) * (share + shift)
                paint.line(lines, self.pixels([middle - across, middle + 0.02 * direction, middle + across]), 1)
        canvas.tint(np.minimum(lines, mask), looks.skin * 0.4, looks.creases)
        if stretch > 0.55 and not looks.palm_side:
            tip = end + direction * 0.01
            nail = [
                tip + across * a + direction * b for a, b in ((-0.7, -0.07), (0.7, -0.07), (0.65, 0.08), (-0.65, 0.08))
            ]
            nail = paint.polygon(self.shape, self.pixels(paint.smooth(nail, 2)))
            canvas.tint(paint.blur(nail, 0.02 * self.unit), looks.skin * 0.5, 0.4)
            canvas.put(nail, looks.nail, gloss=0.4)

    def _put_thumb(self, rng, canvas, looks, base):
        turn = self.thumb + rng.normal(0, 0.12)
        root, length = np.array([-0.3, 0.25]), rng.uniform(0.5, 0.62)
        middle = root + length * np.array([-np.sin(turn + 0.25), np.cos(turn + 0.25)])
        end = middle + 0.33 * np.array([-np.sin(turn - 0.15), np.cos(turn - 0.15)])
        mask = np.zeros(self.shape, np.uint8)
        paint.line(mask, self.pixels(paint.smooth([root, middle, end], 2, closed=False)), 0.22 * self.unit)
        paint.disc(mask, self.pixels([end])[0], 0.1 * self.unit)
        self._put_part(canvas, looks, mask, base + 0.04, 0.11)
        if not looks.palm_side:
            nail = paint.disc(np.zeros(self.shape, np.uint8), self.pixels([end])[0], 0.065 * self.unit)
            canvas.put(nail, looks.nail, gloss=0.4)

    def _put_arm(self, rng, canvas, looks, base):
        """The wrist and forearm, bare or in a sleeve: cloth beside the head, else an occluder."""
        bend, beside = rng.normal(0, 0.4), np.isin(canvas.label, (labels.CLOTH, labels.BACKGROUND))

        def outline(start, wider):
            middle, half = np.array([[0, start], [bend, -1.6], [3 * bend, -4.5]]), np.array([0.27, 0.36, 0.42]) + wider
            aside = half[:, None] * [1, 0]
            return paint.polygon(
                self.shape, self.pixels(paint.smooth(np.concatenate([middle + aside, (middle - aside)[::-1]]), 1))
            )

        mask = outline(0.1, 0.0)
        self._put_part(canvas, looks, mask, base - 0.1, 0.27)
        if looks.sleeve is None:
            return
        mask = outline(rng.uniform(-1.0, 0.0), rng.uniform(0.05, 0.15))
        label = np.where(beside & looks.own, labels.CLOTH, labels.BACKGROUND).astype(np.uint8)
        depth = base + paint.inflate(mask, 0.35 * self.unit) / self.unit * 0.7
        canvas.tint(paint.blur(mask, 0.04 * self.unit), (0, 0, 0), 0.3)
        canvas.put(mask, looks.sleeve, label, depth, 0.03)
