"""Hair: a style is a region of the head's table and a shell over it, with a kind of strands and a colour."""

import cv2
import numpy as np

from . import hairline, paint, tables
from .chance import colour, happens, pick, weighted
from .head import THETA
from .people import DARK_HAIRS
from .strands import ROUND, strands

STYLES = {  # name: weights (feminine, masculine)
    "bald": (0.035, 0.085),
    "shaved": (0.02, 0.07),
    "ring": (0.0, 0.06),
    "crew": (0.04, 0.2),
    "short": (0.14, 0.27),
    "slick": (0.05, 0.08),
    "bob": (0.16, 0.05),
    "long": (0.33, 0.08),
    "bun": (0.11, 0.02),
    "afro": (0.1, 0.1),
    "cornrows": (0.025, 0.025),
}
KINDS = {  # of strands: weights for the styles that may have any
    "straight": 0.36,
    "wavy": 0.26,
    "ringlets": 0.1,
    "curly": 0.1,
    "coils": 0.1,
    "ropes": 0.08,
}


class Hair:
    """mask: where on the table hair grows; radius: its shell there; None for a bald head."""

    def __init__(self, rng, head, person, bank):
        self.bank, self.colour, self.scalp = bank, person.hair, person.skin * rng.uniform(0.65, 0.95)
        self.style = weighted(rng, {name: w[person.masculine] for name, w in STYLES.items()})
        self.kind = self._kind(rng, person)
        if self.kind in ("coils", "ropes") and happens(rng, 0.6):
            self.colour = np.clip(pick(rng, DARK_HAIRS) * rng.uniform(0.6, 1.3), 0.02, 1).astype(np.float32)
        self.covers_ears = self._covers_ears(rng)  # left, right
        self.top, self.length = self._volume(rng)
        self.side = self.top * rng.uniform(0.3, 1.0)
        self.over_clothes = [happens(rng, 0.65), happens(rng, 0.65)]  # left, right
        self._look(rng, person)
        self.parting = self._parting(rng)
        self.dense = hairline.density(rng, self.style, person.old, self.parting)
        self.mask = self.radius = None
        if self.style != "bald":
            self._grow(rng, head, person)

    def _kind(self, rng, person):
        fixed = {"afro": "coils", "cornrows": "ropes", "slick": "straight", "ring": "wavy"}.get(self.style)
        if fixed == "coils" and happens(rng, 0.3):
            return "curly"
        dark = max(0.0, person.darkness - 0.5)
        return fixed or weighted(rng, {k: w + dark * (k in ("coils", "ropes")) for k, w in KINDS.items()})

    def _covers_ears(self, rng):
        most = {"bob": 0.8, "long": 0.75, "short": 0.22, "afro": 0.4}.get(self.style, 0.0)
        left = happens(rng, most)
        return left, left if happens(rng, 0.8) else most > 0 and not left

    def _volume(self, rng):
        """(height over the crown, height at which hair ends), in units."""
        top = {
            "bald": 0,
            "shaved": 0.015,
            "ring": rng.uniform(0.02, 0.2),
            "crew": rng.uniform(0.03, 0.12),
            "short": rng.uniform(0.08, 0.42),
            "slick": rng.uniform(0.03, 0.2),
            "bob": rng.uniform(0.1, 0.45),
            "long": rng.uniform(0.08, 0.4),
            "bun": rng.uniform(0.03, 0.2),
            "afro": rng.uniform(0.15, 1.1),
            "cornrows": 0.05,
        }[self.style]
        if self.kind in ROUND and self.style in ("bob", "long", "short"):
            top *= rng.uniform(1.0, 1.7)
        length = {
            "bob": rng.uniform(0.6, 1.6),
            "long": rng.uniform(1.7, 3.5),
            "afro": rng.uniform(0.3, 0.6) + top * rng.uniform(0.6, 1.3),
            "cornrows": rng.choice([0.5, 2.5]),
        }.get(self.style, rng.uniform(0.3, 0.8))
        return top, length

    def _look(self, rng, person):
        """Contrast, gloss and roughness of the strands; colours of their tips, and grey ones among them."""
        curled = self.kind in ROUND
        self.amplitude, self.gloss = rng.uniform(0.12, 0.42) * (1.3 if curled else 1), rng.uniform(0, 0.3)
        if happens(rng, 0.2):  # little structure, as very dark or overexposed hair has
            self.amplitude *= rng.uniform(0.15, 0.5)
        if curled:
            self.gloss *= 0.3
        if self.style == "slick":
            self.gloss = rng.uniform(0.2, 0.7)
        self.rough, self.sharp = rng.uniform(0.2, 1.4) + 0.6 * curled, rng.uniform(1.2, 4.0)
        loose = happens(rng, 0.9 if curled else 0.3) and self.style not in ("slick", "cornrows", "shaved")
        self.fray = rng.uniform(2, 4.5) if loose else 1.0  # loose strands at the outline
        self.frizz = rng.uniform(0.03, 0.16) if loose and happens(rng, 0.5) else 0.0  # reach of a halo, in units
        if self.style == "shaved":
            self.colour = np.minimum(self.colour, person.skin * 0.5)
        self.tips = self.colour
        if happens(rng, 0.3):
            self.tips = np.clip(self.colour * rng.uniform(0.7, 2.0), 0, 1)
        elif happens(rng, 0.08):
            self.tips = colour(rng, 0.1, 0.95)
        self.grey = rng.uniform(0.2, 0.8) if happens(rng, 0.3 if person.old else 0.06) else 0.0

    def _parting(self, rng):
        """(angle, height) from which the strands run."""
        if self.style in ("bun", "cornrows", "slick"):
            return np.array([rng.normal(0, 0.2), rng.uniform(-2.2, -1.3)])
        if self.style in ("short", "bob", "long") and happens(rng, 0.4):
            return np.array([rng.choice([-1, 1]) * rng.uniform(0.3, 1.6), rng.uniform(-1.5, -0.8)])
        return np.array([rng.normal(0, 0.4), rng.uniform(-1.5, -0.9) if happens(rng, 0.5) else rng.uniform(-4, -1.7)])

    def _grow(self, rng, head, person):
        free = hairline.opening(rng, self.style, self.covers_ears, person)
        jags = sum(rng.normal(0, 0.05) * np.sin(k * THETA + rng.uniform(0, 6)) for k in (1, 2, 5, 9))
        tufts = rng.uniform(0, 0.12) * np.repeat(rng.normal(0, 1, 64), 5)  # locks of several lengths
        self.mask = tables.above(self.length + jags + tufts, soft=2.0)
        self.mask *= 1 - tables.region(free, soft=rng.uniform(0.8, 2.5))
        if self.style == "ring":
            self.mask *= 1 - hairline.bald_crown(rng)
        round_ = self.style == "afro" or (self.kind in ROUND and happens(rng, 0.5))
        flare = rng.uniform(-0.12, 0.25)
        shell = tables.shell(head, self.top, self.side, flare=flare, hem=self.length if round_ else None)
        wild = rng.uniform(0.0, 0.05) + 0.05 * (self.kind != "straight") + 0.1 * self.top
        shell *= 1 + rng.normal(0, 0.05) * np.sin(THETA)  # fuller on one side
        self._add_lumps(shell, wild, self.bank.patch(rng, "fractal", 128))
        if self.kind in ROUND and self.top > 0.1:
            self._add_lumps(shell, rng.uniform(0.01, 0.06), self.bank.patch(rng, "coils", 256))
        self.radius = shell

    def _add_lumps(self, shell, height, noise):
        shell += (height * cv2.resize(noise, tables.SHAPE[::-1]) * np.clip(shell, 0, 1)).astype(np.float32)

    def strands(self, rng, seen) -> np.ndarray:
        """Noise of the picture's size that flows over the shell."""
        return strands(rng, self.bank, seen, self.kind, self.parting)

    def outline(self, gap, grown, strands, smooth, unit: float) -> np.ndarray:
        """The outline's coverage (`smooth` where there is no hair), frayed along the strands, in a halo of frizz."""
        strength = self.rough * self.fray
        waves = np.clip(1.2 * paint.blur(strands, 0.9 * unit / 68), -2, 2)  # tufts, not specks
        ragged = gap * unit + grown * strength * waves * 0.02 * unit
        cover = np.clip(0.5 - ragged / strength, 0, 1)
        if self.frizz:
            halo = np.exp(-np.maximum(gap, 0) / self.frizz) * np.clip(0.55 + 0.35 * waves, 0, 1)
            cover = np.maximum(cover, halo * (grown > 0.97))  # gaps are too small at walls
        return np.where(grown > 0.5, cover, smooth)

    def shade(self, strands, seen) -> np.ndarray:
        """Colour of the hair, RGB for each pixel; the scalp shines through where it is thin or parted in rows."""
        toward_tips = np.clip(seen.y * 0.5, 0, 1)[..., None]
        base = self.colour + toward_tips * (self.tips - self.colour)
        if self.grey:
            grey = np.clip(np.roll(strands, 7, 1) - 1 + self.grey, 0, 1)[..., None]
            base = base + grey * (np.float32(0.62) - base)
        tone = np.clip(base * (1 + self.amplitude * strands[..., None]), 0, 1.2)
        hidden = seen.sample(self.dense)
        if self.style == "cornrows":
            hidden = hidden * np.clip(1.6 + strands, 0, 1)
        return self.scalp + hidden[..., None] * (tone - self.scalp)

    def coverage(self, strands, seen, head) -> np.ndarray:
        """How much of each pixel is hair, 0 .. 1, with strands at its edge."""
        grown = seen.sample(self.mask)
        edge = 4 * grown * (1 - grown)
        no_skin = np.clip(0.5 - seen.sample(head.plain) / 0.05, 0, 1)  # all that is met below the jaw is hair
        grown = np.maximum(grown, no_skin)
        return np.clip(
            (grown - 0.5) * self.sharp + 0.5 + 0.35 * min(self.rough, 1) * edge * np.clip(strands, -1.5, 1.5), 0, 1
        )
