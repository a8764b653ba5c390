"""What is worn on the head: a shell of the head's table over the hair, and a brim or peak on a plane."""

from dataclasses import dataclass

import numpy as np

from . import labels, paint, tables
from .chance import colour, happens, pick, weighted
from .fabric import fabric, plain_colour

KINDS = {
    "brim": 0.18,
    "straw": 0.07,
    "cap": 0.24,
    "beanie": 0.16,
    "turban": 0.08,
    "headband": 0.07,
    "helmet": 0.05,
    "scarf": 0.06,
    "hood": 0.05,
    "hijab": 0.04,
}
_OPEN_FACED = ("scarf", "hood")  # they hang down beside the face


@dataclass
class _Cut:
    """Heights of the hem in front, over the ears and behind; thickness over crown and sides."""

    ear: float
    back: float
    over_top: float
    over_side: float


def _cut(rng, kind, low):
    if kind in ("brim", "straw"):
        return _Cut(low + rng.uniform(0, 0.3), low + rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.7), 0.08)
    if kind == "beanie":
        return _Cut(rng.uniform(-0.4, 0.3), rng.uniform(-0.3, 0.4), rng.uniform(0.05, 0.7), 0.08)
    if kind == "turban":
        return _Cut(rng.uniform(-0.3, 0.2), rng.uniform(-0.1, 0.4), rng.uniform(0.2, 0.7), rng.uniform(0.12, 0.4))
    if kind == "helmet":
        return _Cut(rng.uniform(-0.3, 0.8), rng.uniform(0.2, 0.7), rng.uniform(0.15, 0.3), rng.uniform(0.12, 0.25))
    if kind in _OPEN_FACED:
        wide = rng.uniform(0.15, 0.4) if kind == "hood" else 0.07
        return _Cut(rng.uniform(1.2, 2.2), rng.uniform(1.2, 2.6), rng.uniform(0.08, 0.35), wide)
    return _Cut(low + rng.uniform(0, 0.3), low + rng.uniform(0.1, 0.4), rng.uniform(0.08, 0.3), 0.06)


class Hat:
    """mask and radius over the head's table; the brim is put on the canvas later."""

    def __init__(self, rng, head, hair):
        self.kind = weighted(rng, KINDS)
        self.colour = plain_colour(rng)
        if self.kind == "straw":
            self.colour = np.float32([0.85, 0.72, 0.48]) * rng.uniform(0.7, 1.1)
        elif happens(rng, 0.6):  # it stands out from the hair
            self.colour = max((plain_colour(rng) for _ in range(3)), key=lambda c: np.abs(c - hair.colour).sum())
        self.low = rng.uniform(-0.95, -0.45)
        cut = _cut(rng, self.kind, self.low)
        squash = 0.35 if hair.top > 0.3 else 0.8
        over_side = cut.over_side + min(hair.side, 0.35) * squash
        flare = rng.uniform(0, 0.3) if self.kind in (*_OPEN_FACED, "hijab") else 0
        self.radius = tables.shell(head, over_side + cut.over_top, over_side, flare=flare)
        if self.kind == "hijab":
            self.mask = self._around_face(rng, head)
            return
        angles = [0, 0.5, 0.85, 1.0, 1.2, 3.2] if self.kind in _OPEN_FACED else [0, 0.6, 0.95, 1.25, 1.7, 3.2]
        middle = (self.low + min(cut.ear, 0)) / 2
        hem = tables.curve(angles, [self.low, self.low + 0.04, middle, cut.ear, cut.ear, cut.back])
        self.mask = tables.above(hem)
        if self.kind == "headband":
            self.mask *= 1 - tables.above(hem - rng.uniform(0.15, 0.4))
            if hair.mask is not None:
                self.radius = np.maximum(self.radius, hair.radius + 0.02)

    def _around_face(self, rng, head):
        """All but an oval from the forehead to the chin."""
        low, wide = head.chin_y + rng.uniform(-0.02, 0.1), rng.uniform(0.75, 0.95)
        half = [
            [0, self.low],
            [wide * 0.6, self.low + 0.12],
            [wide, 0],
            [wide, 0.6],
            [wide * 0.75, 1.15],
            [0.3, low],
            [0, low],
        ]
        oval = paint.smooth(np.array(half + [[-x, y] for x, y in half[::-1]]), 2)
        return tables.above(np.full(tables.SHAPE[1], rng.uniform(1.9, 3.4))) * (1 - tables.region(oval))

    def put_brim(self, rng, canvas, pose, bank) -> None:
        if self.kind not in ("brim", "straw", "cap") or (self.kind == "cap" and happens(rng, 0.1)):
            return  # a cap may be worn back to front
        droop = rng.uniform(-0.1, 0.45) if self.kind == "cap" else rng.uniform(-0.4, 0.2)
        y = self.low - rng.uniform(0.0, 0.12)
        x, _, z, depth = map(pose.enlarge, pose.meet_plane(np.array([0, y, 0.9]), np.array([0, 1.0, -droop])))
        if self.kind == "cap":
            reach, wide = rng.uniform(1.7, 2.1), rng.uniform(0.75, 0.95)
            inside = np.minimum(wide - np.abs(x), 1) * 0.6
            inside = np.minimum(inside, reach - np.sqrt(x**2 + z**2))
            inside[z < 0.6] = -1
        else:
            reach = rng.uniform(1.45, 2.3)
            inside = reach - np.sqrt((x / 1.05) ** 2 + z**2)
        mask = np.clip(0.5 + inside * canvas.unit * 0.5, 0, 1)
        mask *= depth > canvas.depth - 0.01
        cloth = fabric(rng, self.colour * rng.uniform(0.6, 1.0), canvas.size, bank)
        if self.kind == "straw":
            cloth *= (1 + 0.15 * np.sin(np.sqrt(x**2 + z**2) * rng.uniform(40, 70)))[..., None]
        canvas.put(mask, cloth, labels.HAT, depth)

    def cloth(self, rng, seen, size, bank) -> np.ndarray:
        """RGB of the crown: ribs of a beanie, folds of a turban, rings of straw, seams of a cap."""
        if self.kind == "helmet":
            stripe = (np.abs(np.sin(seen.theta)) < rng.uniform(0.05, 0.3)) * happens(rng, 0.5)
            return np.where(stripe[..., None], colour(rng), self.colour).astype(np.float32)
        look = fabric(rng, self.colour, size, bank)
        wave = np.zeros_like(seen.theta)
        if self.kind == "beanie" and happens(rng, 0.7):
            wave = rng.uniform(0.05, 0.2) * np.sin(seen.theta * rng.uniform(20, 60))
            if happens(rng, 0.6):  # its cuff
                cuff = self.low - rng.uniform(0.25, 0.45)
                wave -= 0.4 * np.exp(-(((seen.y - cuff) / 0.03) ** 2)) + 0.1 * (seen.y < cuff)
        elif self.kind == "turban":
            slope = pick(rng, (np.abs(seen.theta), seen.theta)) * rng.uniform(0.2, 0.6)
            wave = rng.uniform(0.12, 0.3) * np.sin((seen.y + slope) * rng.uniform(14, 28))
        elif self.kind == "straw":
            wave = 0.15 * np.sin(seen.y * rng.uniform(40, 70)) + 0.1 * bank.patch(rng, "fine", size)
        elif self.kind == "cap":
            wave = -0.3 * np.exp(-((np.sin(1.5 * seen.theta) / 0.04) ** 2))
        return np.clip(look * (1 + wave)[..., None], 0, 1.1).astype(np.float32)

    def decorate(self, rng, canvas, bank) -> None:
        """A band or a badge on the crown: colour only."""
        on_hat = canvas.label == labels.HAT
        if not on_hat.any() or not happens(rng, 0.4):
            return
        rows, columns = np.nonzero(on_hat)
        at = rng.integers(len(rows))
        centre = np.array([columns[at], rows[at]], float)
        mask = np.zeros(on_hat.shape, np.uint8)
        for _ in range(int(rng.integers(1, 7))):
            points = centre + rng.normal(0, 0.13 * canvas.unit, (int(rng.integers(3, 7)), 2))
            mask |= paint.polygon(mask.shape, points)
        mask[~on_hat] = 0
        canvas.tint(mask, colour(rng, 0.2, 1))


def cover_with_hat(rng, canvas, hat, seen, outline, bank) -> None:
    """Put the crown where the rays meet it."""
    worn = np.clip((seen.sample(hat.mask) - 0.5) * 3 + 0.5, 0, 1) * outline
    gloss = rng.uniform(0.2, 0.8) if hat.kind == "helmet" else rng.uniform(0, 0.15)
    canvas.tint(paint.blur((worn * 255).astype(np.uint8), 0.05 * canvas.unit), (0, 0, 0), rng.uniform(0.1, 0.5))
    canvas.put(worn, hat.cloth(rng, seen, canvas.size, bank), labels.HAT, seen.depth, gloss)
