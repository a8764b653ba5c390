"""Neck and shoulders, in a frame that follows the head only in part: x to the right, y down, in units, the origin
under the chin on the neck's axis."""

import numpy as np

from . import labels, paint
from .chance import happens

DEPTH = -0.3  # of the neck's edge, in units towards the viewer; its front is half a neck nearer
_AXIS = -0.33  # of the neck, in units before the head's axis


class Body:
    def __init__(self, rng, pose, head, person):
        self.unit = pose.unit
        self.turn = pose.yaw * rng.uniform(0, 0.6) + rng.normal(0, 0.12)
        lean = pose.roll * rng.uniform(0, 0.5)
        self._tilt = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
        self._jaw = 1.25 * head.long
        self._origin = pose.project([[0, self._jaw, _AXIS]])[0]
        self.neck = rng.uniform(0.52, 0.72) * (1.08 if person.masculine else 0.95)  # half width
        self.neck_base = 1.8 * head.long + rng.normal(0, 0.12)  # heights from the eyes, as on the head
        self.shoulder = self.neck_base + rng.uniform(0.3, 0.65)
        self.broad, self.slope = rng.uniform(1.9, 2.9), rng.uniform(0.15, 0.5)
        nape = pose.project([[0, 0.85, _AXIS]])  # round, so as wide from the side as from the front
        behind_jaw = nape + [[-self.neck * self.unit, 0], [self.neck * self.unit, 0]]
        left = self.project(self._side(-1))
        right = self.project(self._side(1))
        self.outline = paint.smooth(np.concatenate([behind_jaw[:1], left, right[::-1], behind_jaw[1:]]), 2)

    def _side(self, s):
        neck, base, broad, low = self.neck, self.neck_base, self.broad, self.shoulder
        return np.array(
            [
                [neck, 1.5],
                [neck, base - 0.15],
                [neck + 0.35, base + 0.18],
                [broad * 0.7, low],
                [broad, low + self.slope],
                [broad + 0.3, low + 1.2],
                [broad + 0.2, 16],
            ]
        ) * [s, 1]

    def project(self, points) -> np.ndarray:
        """Body frame [N, 2] -> pixels; y counts from the eyes, as on the head."""
        points = np.asarray(points, np.float64)
        flat = np.stack([points[:, 0] * np.cos(self.turn), points[:, 1] - self._jaw], 1)
        return flat @ self._tilt.T * self.unit + self._origin

    def put(self, rng, canvas, person, bank) -> None:
        mask = paint.polygon(canvas.label.shape, self.outline)
        size = canvas.size
        grain = rng.uniform(0.004, 0.03) * bank.patch(rng, "fine", size) + rng.uniform(0, 0.06) * bank.patch(
            rng, "fractal", size
        )
        colour = person.skin * rng.uniform(0.85, 1.04) * (1 + grain)[..., None]
        cushion = paint.inflate(mask, 0.6 * self.unit) / self.unit
        canvas.put(mask, colour, labels.NECK, DEPTH + 0.85 * cushion, rng.uniform(0, 0.2))
        if happens(rng, 0.6):
            self._bones(rng, canvas, person, mask)
        if happens(rng, 0.5):
            self._creases(rng, canvas, person, mask)

    def _bones(self, rng, canvas, person, mask):
        lines = np.zeros_like(mask)
        base = self.neck_base
        for s in (-1, 1):
            for curve, width in (
                ([[s * 0.12, base + 0.38], [s * 0.6, base + 0.30], [s * 1.3, base + 0.28]], 0.07),
                ([[s * 0.15, base + 0.35], [s * 0.3, base - 0.1], [s * 0.45, 1.5]], 0.06),
            ):
                paint.line(lines, self.project(paint.smooth(curve, 2, closed=False)), width * self.unit)
        lines = np.minimum(paint.blur(lines, 0.06 * self.unit), mask)
        canvas.tint(lines, person.skin * 0.5, rng.uniform(0.1, 0.4))

    def _creases(self, rng, canvas, person, mask):
        lines = np.zeros_like(mask)
        for _ in range(int(rng.integers(1, 4))):
            y = rng.uniform(1.5, max(1.6, self.neck_base))
            curve = [[-self.neck, y], [0, y + rng.uniform(0.02, 0.2)], [self.neck, y + rng.normal(0, 0.05)]]
            paint.line(lines, self.project(paint.smooth(curve, 2, closed=False)), 0.02 * self.unit)
        lines = np.minimum(paint.blur(lines, 0.012 * self.unit), mask)
        canvas.tint(lines, person.skin * 0.5, rng.uniform(0.1, 0.4))
