"""Beards: hair over the skin of the jaw. As in CelebAMask-HQ they keep the label skin."""

import numpy as np

from . import labels, tables
from .chance import happens, weighted
from .head import THETA, Y, bump


class Beard:
    """Paints how dense it grows on the sheet; mask and radius: shell of a long one, else None."""

    def __init__(self, rng, sheet, person):
        self.kind = "none"
        if person.masculine:
            self.kind = weighted(
                rng, {"none": 0.45, "stubble": 0.2, "goatee": 0.08, "full": 0.15, "moustache": 0.06, "long": 0.06}
            )
        grey = happens(rng, 0.15)
        tone = np.full(3, 0.6, np.float32) if grey else person.hair
        self.colour = np.clip(tone * rng.uniform(0.6, 1.1), 0.02, 1)
        self.mask = self.radius = None
        if self.kind == "none":
            return
        self._spread(rng, sheet)
        if self.kind == "long":
            self._hang(rng, sheet.head)

    def _spread(self, rng, sheet):
        head, x, y = sheet.head, sheet.x[::2, ::2], sheet.y[::2, ::2]
        nose, mouth, chin = head.nose_y, head.mouth_y, head.chin_y
        across = np.abs(x)
        line = rng.uniform(0.45, 0.75)
        jaw = np.clip((y - (line + 0.5 * (1 - across / 0.9))) / 0.25, 0, 1) * np.clip(
            (across * 1.3 + (y - 0.5)) / 0.3 - 1, 0, 1
        )
        lip = np.clip(1.3 - np.abs((y - (nose + mouth) / 2 - 0.06 - 0.25 * x**2) / 0.12), 0, 1) * np.clip(
            (0.42 - across) / 0.1, 0, 1
        )
        point = np.clip(1.2 - ((x / 0.38) ** 2 + ((y - chin + 0.1) / 0.28) ** 2), 0, 1)
        parts = {"stubble": (jaw, lip), "goatee": (lip, point), "moustache": (lip,)}.get(self.kind, (jaw, lip, point))
        growth = np.maximum.reduce(parts) * (1 - np.clip(bump(x, y, 0, mouth, 0.28, 0.09) * 1.3, 0, 1))
        if self.kind == "stubble":
            growth *= rng.uniform(0.1, 0.45)
        growth = np.repeat(np.repeat(growth, 2, 0), 2, 1)[: sheet.shape[0], : sheet.shape[1]].astype(np.float32)
        growth[(sheet.label != labels.SKIN) & (sheet.label != labels.NOSE)] = 0
        sheet.beard[:] = growth

    def _hang(self, rng, head):
        """The shell: thicker towards the chin, and on below it, pointed or broad."""
        length, broad = rng.uniform(0.15, 0.9), rng.uniform(0.35, 0.8)
        low = head.chin_y + length
        outline = [
            [-1.2, 0.8],
            [-0.9, 1.25],
            [-broad, low - 0.15],
            [-broad * 0.3, low],
            [broad * 0.3, low],
            [broad, low - 0.15],
            [0.9, 1.25],
            [1.2, 0.8],
        ]
        self.mask = tables.region(np.array(outline) + rng.normal(0, 0.03, (8, 2)), soft=2.0)
        swell = np.interp(Y, [head.mouth_y + 0.1, head.chin_y, low], [0, rng.uniform(0.08, 0.3), 0.05])
        narrow = np.cos(np.clip(THETA, -1.5, 1.5)) ** 0.15
        front = np.maximum(head.plain, 0)
        last = int(np.argmin(np.abs(Y - (head.chin_y - 0.05))))
        front[last:] = front[last]
        self.radius = (front * narrow[None] + swell[:, None]).astype(np.float32)
