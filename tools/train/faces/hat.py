"""Hats, caps, hoods and scarves over the hair: a shell of the head's table, and a brim or peak on a plane."""

import numpy as np

from . import labels, paint, tables
from .chance import colour, happens, weighted
from .fabric import fabric, plain_colour


class Hat:
    """mask and radius over the head's table; the brim is put on the canvas later."""

    def __init__(self, rng, head, hair):
        self.kind = weighted(rng, {"brim": 0.33, "peak": 0.3, "beanie": 0.22, "scarf": 0.15})
        self.colour = plain_colour(rng)
        self.low = rng.uniform(-0.95, -0.5)
        squash = 0.35 if hair.top > 0.3 else 0.8
        over_side = max(0.06, min(hair.side, 0.35) * squash + 0.06)
        over_top = over_side + rng.uniform(0.02, 0.6 if self.kind in ("brim", "beanie") else 0.25)
        back = {"beanie": rng.uniform(-0.3, 0.3), "scarf": rng.uniform(1.0, 2.4)}.get(
            self.kind, self.low + rng.uniform(0.1, 0.4)
        )
        ear = {"beanie": rng.uniform(-0.4, 0.2), "scarf": rng.uniform(0.9, 2.0)}.get(
            self.kind, self.low + rng.uniform(0, 0.3)
        )
        angles = [0, 0.6, 0.95, 1.25, 1.7, 3.2] if self.kind != "scarf" else [0, 0.5, 0.85, 1.0, 1.2, 3.2]
        middle = (self.low + min(ear, 0)) / 2
        heights = [self.low, self.low + 0.04, middle, ear, ear, back]
        self.mask = tables.above(tables.curve(angles, heights))
        self.radius = tables.shell(head, over_top, over_side, flare=rng.uniform(0, 0.3) if self.kind == "scarf" else 0)

    def put_brim(self, rng, canvas, pose, bank) -> None:
        if self.kind not in ("brim", "peak"):
            return
        droop = rng.uniform(-0.35, 0.2) if self.kind == "brim" else rng.uniform(-0.1, 0.45)
        y = self.low - rng.uniform(0.0, 0.12)
        x, _, z, depth = map(pose.enlarge, pose.meet_plane(np.array([0, y, 0.9]), np.array([0, 1.0, -droop])))
        if self.kind == "brim":
            reach = rng.uniform(1.45, 2.2)
            inside = reach - np.sqrt((x / 1.05) ** 2 + z**2)
        else:
            reach, wide = rng.uniform(1.7, 2.1), rng.uniform(0.75, 0.95)
            inside = np.minimum(wide - np.abs(x), 1) * 0.6
            inside = np.minimum(inside, reach - np.sqrt(x**2 + z**2))
            inside[z < 0.6] = -1
        mask = np.clip(0.5 + inside * canvas.unit * 0.5, 0, 1)
        mask *= depth > canvas.depth - 0.01
        cloth = fabric(rng, self.colour * rng.uniform(0.6, 1.0), canvas.size, bank)
        canvas.put(mask, cloth, labels.HAT, depth)

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
    canvas.put(worn, fabric(rng, hat.colour, canvas.size, bank), labels.HAT, seen.depth, rng.uniform(0, 0.15))
