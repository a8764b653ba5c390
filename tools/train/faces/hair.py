"""Hair: a style is a region of the head's table and a shell over it; strands are noise that flows over the shell."""

import cv2
import numpy as np

from . import labels, paint, tables
from .chance import happens, pick, weighted
from .head import THETA
from .textures import TILE

STYLES = {  # name: weights (feminine, masculine)
    "bald": (0.02, 0.08),
    "shaved": (0.03, 0.06),
    "crew": (0.06, 0.24),
    "short": (0.2, 0.38),
    "bob": (0.2, 0.08),
    "long": (0.4, 0.06),
    "bun": (0.12, 0.03),
    "afro": (0.05, 0.06),
}


class Hair:
    """mask: where on the table hair grows; radius: its shell there; None for a bald head."""

    def __init__(self, rng, head, person, bank):
        self.bank, self.colour = bank, person.hair
        self.style = weighted(rng, {name: w[person.masculine] for name, w in STYLES.items()})
        self.kind = "curly" if self.style == "afro" else weighted(rng, {"straight": 0.5, "wavy": 0.36, "curly": 0.14})
        self.covers_ears = (
            self.style in ("bob", "long")
            and happens(rng, 0.85)
            or (self.style in ("short", "afro") and happens(rng, 0.25))
        )
        self.top = {
            "bald": 0,
            "shaved": 0.015,
            "crew": rng.uniform(0.03, 0.12),
            "short": rng.uniform(0.08, 0.42),
            "bob": rng.uniform(0.1, 0.45),
            "long": rng.uniform(0.08, 0.4),
            "bun": rng.uniform(0.05, 0.2),
            "afro": rng.uniform(0.3, 0.95),
        }[self.style]
        self.side = self.top * rng.uniform(0.3, 1.0)
        self.length = {"bob": rng.uniform(0.6, 1.6), "long": rng.uniform(1.7, 3.5)}.get(
            self.style, rng.uniform(0.3, 0.8)
        )
        self.over_clothes = [happens(rng, 0.5), happens(rng, 0.5)]  # left, right
        self.amplitude, self.gloss = rng.uniform(0.12, 0.42), rng.uniform(0, 0.3)
        self.rough, self.sharp = rng.uniform(0.2, 1.4), rng.uniform(1.2, 4.0)
        self.fray = rng.uniform(2, 4.5) if happens(rng, 0.35) else 1.0  # loose strands at the outline
        self.thin = 1.0  # less lets the scalp shine through
        if self.style not in ("long", "bob") and happens(rng, 0.4 if person.old else 0.05):
            self.thin = rng.uniform(0.55, 0.9)
        if self.style == "shaved":
            self.thin = rng.uniform(0.3, 0.8)
        self.tips = np.clip(self.colour * rng.uniform(0.7, 2.0), 0, 1) if happens(rng, 0.3) else self.colour
        self.parting = self._parting(rng)
        self.mask = self.radius = None
        if self.style != "bald":
            self._grow(rng, head, person)

    def _parting(self, rng):
        """(angle, height) from which the strands run."""
        if self.style == "bun":
            return rng.normal(0, 0.2), rng.uniform(-1.6, -1.1)
        if self.style in ("short", "bob") and happens(rng, 0.35):
            return rng.choice([-1, 1]) * rng.uniform(0.8, 2), rng.uniform(-1.5, -0.8)
        return rng.normal(0, 0.4), rng.uniform(-1.5, -0.9) if happens(rng, 0.5) else rng.uniform(-4, -1.7)

    def _grow(self, rng, head, person):
        fringe = self.style in ("short", "bob", "long", "afro") and happens(rng, 0.32)
        opening = self._opening(rng, person, fringe)
        lower = self.length + sum(rng.normal(0, 0.05) * np.sin(k * THETA + rng.uniform(0, 6)) for k in (1, 2, 5, 9))
        self.mask = tables.above(lower, soft=2.0) * (1 - tables.region(opening, soft=rng.uniform(0.8, 2.5)))
        flare = rng.uniform(-0.12, 0.25)
        shell = tables.shell(head, self.top, self.side, flare=flare)
        wild = rng.uniform(0.0, 0.05) + 0.05 * (self.kind != "straight") + 0.1 * self.top
        clouds = cv2.resize(self.bank.patch(rng, "fractal", 128), tables.SHAPE[::-1])
        self.radius = shell + (wild * clouds * np.clip(shell, 0, 1)).astype(np.float32)

    def _opening(self, rng, person, fringe):
        """Outline, in (angle, height), of what the hair leaves free: forehead, face, ears or not, throat."""
        line = rng.uniform(-0.75, -0.28) if fringe else rng.normal(-1.05, 0.1)
        peak, part, temple = rng.normal(0, 0.06), rng.normal(0, 0.4), rng.uniform(0.66, 0.92)
        ragged = rng.uniform(0.03, 0.14) if fringe else rng.uniform(0, 0.05)
        halves = [self._half(rng, person, fringe, line, side, temple, part) for side in (-1, 1)]
        middle = np.array([[part * 0.3, line + peak]])
        outline = np.concatenate([halves[0][::-1], middle, halves[1]])
        outline = paint.resample(paint.smooth(outline, 2), 200)
        upper = np.clip((0.6 - outline[:, 1]) / 0.5, 0, 1)  # locks are ragged above, straight below
        jags = np.convolve(rng.normal(0, 1, 202), np.ones(3) / 3, "valid")
        outline[:, 1] += jags * ragged * upper
        outline[:, 0] += rng.normal(0, 0.3, 200) * ragged * upper
        return outline

    def _half(self, rng, person, fringe, line, side, temple, part):
        """One side of the opening, from the middle of the forehead down and round to below the hair."""
        recede = (
            0.0
            if fringe
            else rng.uniform(0, 0.42 if person.old else 0.22) if person.masculine else rng.uniform(0, 0.08)
        )
        slope = 0.06 * side * part
        upper = [
            [0.2, line + slope],
            [temple * 0.6, line + 0.03 - recede * 1.1 + slope],
            [temple * 0.95, line + 0.2 - recede],
        ]
        if fringe:
            upper = [[0.2, line], [0.5, line + rng.normal(0, 0.05)], [temple, max(-0.35, line + 0.05)]]
        if self.covers_ears:
            edge = rng.uniform(0.72, 1.15)
            lower = [
                [edge - 0.05, -0.4],
                [edge, 0],
                [edge + 0.02, 0.5],
                [edge + rng.uniform(-0.1, 0.3), 1.1],
                [edge + rng.uniform(-0.1, 0.45), 1.8],
                [edge + rng.uniform(0, 0.6), 4.2],
            ]
        else:
            burns, nape = rng.uniform(-0.15, 0.4), rng.uniform(0.3, 0.9)
            lower = [
                [0.92, -0.55],
                [1.02, -0.25],
                [1.05, burns],
                [rng.uniform(1.2, 1.4), burns],
                [1.42, -0.2],
                [1.6, -0.28],
                [1.85, 0.05],
                [2.0, nape],
                [3.2, nape + 0.05],
                [3.2, 4.2],
            ]
        return np.array(upper + lower) * [side, 1]

    def strands(self, rng, seen) -> np.ndarray:
        """Noise of the picture's size that flows over the shell: mean about 0, deviation about 1."""
        flow = self._flow(rng, seen, self.kind, self.parting)
        size = flow.shape[0]
        if self.kind != "curly" and happens(rng, 0.6):
            other = self._flow(rng, seen, "wavy", self.parting + rng.normal(0, 0.5, 2))
            share = paint.blur(self.bank.patch(rng, "fractal", size), size / 40) * rng.uniform(2, 6) + 0.3
            flow += np.clip(share, 0, 1) * (other - flow)
        return flow + rng.uniform(0, 0.8) * paint.blur(self.bank.patch(rng, "fractal", size), size / 60)

    def beard_strands(self, rng, seen) -> np.ndarray:
        """The same for a beard, which runs down or curls."""
        kind = "curly" if self.kind == "curly" or happens(rng, 0.3) else "wavy"
        return self._flow(rng, seen, kind, (0.0, -2.5))

    def _flow(self, rng, seen, kind, parting):
        """Noise pulled along lines that run from the parting, or curls."""
        half = seen.theta[::2, ::2], seen.y[::2, ::2]
        x, y = half[0] * np.float32(1.2), half[1]
        parting, warp = np.asarray(parting).tolist(), rng.uniform(0, 0.07)
        clouds = paint.blur(self.bank.patch(rng, "fractal", x.shape[0]), 3)
        x, y = x + warp * clouds, y + warp * clouds[::-1]
        density = rng.uniform(90, 200) * seen.y.shape[0] / 256  # strand pixels a unit
        if kind == "curly":
            density *= 0.6
            columns, rows, tile = x * density, y * density, pick(rng, self.bank.curls)
        else:
            dx, dy = x - parting[0], y - parting[1]
            away, angle = np.sqrt(dx * dx + dy * dy) + 1e-3, np.arctan2(dx, dy)
            wave = rng.uniform(0, 0.12 if kind == "wavy" else 0.03) * np.sin(
                away * rng.uniform(3, 9) + angle + rng.uniform(0, 6)
            )
            if kind == "wavy":
                wave += 0.1 * clouds * rng.uniform(0, 1)
            reach = max(0.8, np.hypot(parting[0], parting[1] + 0.3))
            columns, rows = (angle * reach + wave) * density, away * density * rng.uniform(0.3, 0.8)
            tile = pick(rng, self.bank.strands)
        size = seen.y.shape[::-1]
        columns, rows = (cv2.resize(v.astype(np.float32), size) + np.float32(40 * TILE) for v in (columns, rows))
        return cv2.remap(tile, columns % TILE, rows % TILE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    def outline(self, gap, grown, strands, smooth, unit: float) -> np.ndarray:
        """The outline's coverage (`smooth` where there is no hair), frayed along the strands."""
        strength = self.rough * self.fray
        ragged = gap * unit + grown * strength * np.clip(strands, -2, 2) * 0.02 * unit
        return np.where(grown > 0.5, np.clip(0.5 - ragged / strength, 0, 1), smooth)

    def shade(self, strands, seen) -> np.ndarray:
        """Colour of the hair, RGB for each pixel."""
        toward_tips = np.clip(seen.y * 0.5, 0, 1)[..., None]
        base = self.colour + toward_tips * (self.tips - self.colour)
        return np.clip(base * (1 + self.amplitude * strands[..., None]), 0, 1.2)

    def coverage(self, strands, seen, head) -> np.ndarray:
        """How much of each pixel is hair, 0 .. 1, with strands at its edge."""
        grown = seen.sample(self.mask)
        edge = 4 * grown * (1 - grown)
        no_skin = np.clip(0.5 - seen.sample(head.plain) / 0.05, 0, 1)  # all that is met below the jaw is hair
        grown = np.maximum(grown, no_skin)
        return np.clip((grown - 0.5) * self.sharp + 0.5 + 0.35 * self.rough * edge * np.clip(strands, -1.5, 1.5), 0, 1)


def stray_hairs(rng, canvas, hair, outline_mask) -> None:
    """Single hairs off the outline: colour only, too thin for a label."""
    contours = cv2.findContours(outline_mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    if not contours:
        return
    points = max(contours, key=len)[:, 0]
    mask = np.zeros_like(outline_mask)
    for _ in range(int(rng.integers(5, 40))):
        start = points[rng.integers(len(points))].astype(np.float64)
        angle, length = rng.uniform(0, 6.28), rng.uniform(0.05, 0.35) * canvas.unit
        bend = angle + rng.normal(0, 0.7)
        middle = start + length * np.array([np.cos(angle), np.sin(angle)])
        end = middle + 0.6 * length * np.array([np.cos(bend), np.sin(bend)])
        paint.line(mask, paint.smooth([start, middle, end], 2, closed=False), 0.8)
    strength = rng.uniform(0.2, 0.7)
    paint.blend(canvas.background, mask, np.clip(hair.colour * rng.uniform(0.8, 1.4), 0, 1), strength)
    canvas.tint(mask, hair.colour * rng.uniform(0.8, 1.3), strength)


def hair_ball(rng, canvas, hair, pose, colour) -> None:
    """A bun or a high ponytail: a ball of hair behind the crown."""
    centre = np.array([rng.normal(0, 0.4), -1.35 - rng.uniform(-0.1, 0.5), -0.6])
    at, radius = pose.project(centre[None])[0], rng.uniform(0.3, 0.6) * pose.unit
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = paint.wobble(rng, at + radius * np.stack([np.cos(angle), np.sin(angle)], 1), 0.04 * pose.unit)
    mask = paint.polygon(canvas.label.shape, outline)
    depth = pose.depth(centre[None])[0] - 0.3 + paint.inflate(mask, radius) / pose.unit
    canvas.put(mask, colour, labels.HAIR, depth, hair.gloss)
