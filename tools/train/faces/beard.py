"""Beards: hair over the skin of the jaw. As in CelebAMask-HQ they keep the label skin."""

import numpy as np

from . import labels, tables
from .chance import happens, weighted
from .head import THETA, Y, bump

KINDS = {
    "none": 0.36,
    "stubble": 0.2,
    "goatee": 0.07,
    "soul patch": 0.03,
    "chin strap": 0.04,
    "sideburns": 0.03,
    "moustache": 0.06,
    "full": 0.15,
    "long": 0.06,
}


class Beard:
    """Paints how dense it grows on the sheet; mask and radius: shell of a long one, else None."""

    def __init__(self, rng, sheet, person, hair):
        self.kind = weighted(rng, KINDS) if person.masculine else "none"
        tone = np.full(3, rng.uniform(0.45, 0.8), np.float32) if happens(rng, 0.15) else person.hair
        tone = tone * (1, rng.uniform(0.8, 1), rng.uniform(0.75, 1)) * rng.uniform(0.6, 1.1)
        if self.kind == "stubble":
            tone = np.minimum(tone, 0.6 * person.skin)
        self.colour = np.clip(tone, 0.02, 1).astype(np.float32)
        self.grey = rng.uniform(0.3, 1) if happens(rng, 0.5 if person.old else 0.1) else 0.0  # of patches at the chin
        self.joined = hair.mask is not None and happens(rng, 0.6)  # by sideburns
        self.mask = self.radius = None
        if self.kind == "none":
            return
        self._spread(rng, sheet)
        if self.kind == "long":
            self._hang(rng, sheet.head)

    def _spread(self, rng, sheet):
        x, y = sheet.x[::2, ::2], sheet.y[::2, ::2]
        parts = self._parts(rng, sheet.head, x, y, sheet.theta[::2, ::2])
        growth = np.maximum.reduce(parts)
        if self.kind == "stubble":
            growth = growth * rng.uniform(0.08, 0.6)
        if happens(rng, 0.45):  # trimmed away from the lips; else it reaches them
            growth = growth * (1 - np.clip(bump(x, y, 0, sheet.head.mouth_y, 0.28, 0.09) * 1.3, 0, 1))
        growth = np.repeat(np.repeat(growth, 2, 0), 2, 1)[: sheet.shape[0], : sheet.shape[1]].astype(np.float32)
        if self.kind in ("moustache", "full", "long", "goatee") and happens(rng, 0.5):
            self._cover_lip(rng, sheet, growth)
        growth[(sheet.label != labels.SKIN) & (sheet.label != labels.NOSE)] = 0
        sheet.beard[:] = growth

    def _parts(self, rng, head, x, y, theta):
        """Fields of growth, 0 .. 1, that make up this kind."""
        nose, mouth, chin = head.nose_y, head.mouth_y, head.chin_y
        across = np.abs(x)
        line = rng.uniform(0.3, 0.75)
        jaw = np.clip((y - (line + 0.5 * (1 - across / 0.9))) / 0.25, 0, 1) * np.clip(
            (across * 1.3 + (y - 0.5)) / 0.3 - 1, 0, 1
        )
        lip = np.clip(1.3 - np.abs((y - (nose + mouth) / 2 - 0.06 - 0.25 * x**2) / 0.12), 0, 1) * np.clip(
            (rng.uniform(0.36, 0.5) - across) / 0.1, 0, 1
        )
        if self.kind == "moustache" and happens(rng, 0.3):  # its ends run down beside the mouth
            down = np.clip((y - nose - 0.15) / 0.1, 0, 1) * np.clip((chin - rng.uniform(0.05, 0.3) - y) / 0.15, 0, 1)
            lip = np.maximum(lip, down * np.clip(1.2 - np.abs(across - 0.42) / 0.1, 0, 1))
        point = np.clip(1.2 - ((x / 0.38) ** 2 + ((y - chin + 0.1) / 0.28) ** 2), 0, 1)
        patch = np.clip(1.4 - ((x / rng.uniform(0.06, 0.16)) ** 2 + ((y - mouth - 0.23) / 0.13) ** 2), 0, 1)
        edge = np.clip((y - chin + 0.28 - 0.75 * across**2 * rng.uniform(0.8, 1.2)) / 0.1, 0, 1)
        burns = np.clip((np.abs(theta) - rng.uniform(0.98, 1.12)) / 0.08, 0, 1) * np.clip(
            (rng.uniform(0.5, 1.1) - y) / 0.15, 0, 1
        )
        burns = burns * (y > -0.3) * (np.abs(theta) < 1.5)
        joined = (burns,) if self.joined else ()
        return {
            "stubble": (jaw, lip, *joined),
            "goatee": (point, patch, lip) if happens(rng, 0.7) else (point, patch),
            "soul patch": (patch,),
            "chin strap": (edge, burns),
            "sideburns": (burns,),
            "moustache": (lip,),
        }.get(self.kind, (jaw, lip, point, patch, *joined))

    def _cover_lip(self, rng, sheet, growth):
        """A moustache hangs over the upper lip's edge in tufts: what it hides is skin, as beards are."""
        upper = sheet.label == labels.UPPER_LIP
        if not upper.any():
            return
        columns = np.nonzero(upper.any(0))[0]
        first = upper[:, columns].argmax(0)
        height = upper[:, columns].sum(0)
        tufts = np.interp(
            columns, columns[::2], np.convolve(rng.uniform(-1, 1, len(columns[::2]) + 2), np.ones(3) / 3, "valid")
        )
        reach = np.clip(rng.uniform(0.2, 0.8) + 0.35 * tufts, 0, 0.95) * height
        rows = np.arange(sheet.shape[0])[:, None]
        hidden = np.zeros_like(upper)
        hidden[:, columns] = (
            (rows >= first - 2) & (rows < first + reach) & (growth[np.maximum(first - 3, 0), columns] > 0.3)
        )
        hidden &= upper
        sheet.label[hidden] = labels.SKIN
        sheet.relief[hidden] += 0.02
        growth[hidden] = 1

    def shade(self, rng, bank, strands, size) -> np.ndarray:
        """Colour of the beard, RGB for each pixel, with grey patches."""
        tone = np.clip(self.colour * (1 + rng.uniform(0.15, 0.5) * strands[..., None]), 0, 1)
        if self.grey:
            patches = np.clip(0.5 * bank.patch(rng, "fractal", size) + 0.4 * strands, 0, 1) * self.grey
            tone = tone + patches[..., None] * (np.float32(0.68) - tone)
        return tone

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
