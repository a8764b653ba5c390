"""Cloth: a base colour with stripes, checks, blotches or print, and folds."""

import math

import numpy as np

from . import paint
from .chance import colour, happens, pick, weighted


def fabric(rng, base, size: int, bank) -> np.ndarray:
    """RGB float [size, size, 3], unlit."""
    cloth = np.empty((size, size, 3), np.float32)
    cloth[:] = base
    at = np.arange(size, dtype=np.float32)
    kind = weighted(rng, {"plain": 0.6, "stripes": 0.13, "checks": 0.08, "blotches": 0.12, "print": 0.07})
    if kind == "stripes":
        angle, period = rng.uniform(0, np.pi), rng.uniform(4, 30) * size / 256
        phase = at[None] * math.cos(angle) + at[:, None] * math.sin(angle)
        cloth[phase % period < period * rng.uniform(0.2, 0.7)] = colour(rng)
    elif kind == "checks":
        period = rng.uniform(6, 30) * size / 256
        bars = ((at % period) < period * 0.4).astype(np.float32) / 2
        cloth += (bars[None] + bars[:, None])[..., None] * (colour(rng) - cloth)
    elif kind == "blotches":
        for _ in range(int(rng.integers(1, 3))):
            cloth[bank.patch(rng, "fractal", size) > rng.uniform(-0.3, 0.9)] = colour(rng)
    elif kind == "print":
        motif = paint.blur(bank.patch(rng, "curls", size), 0.6 + rng.uniform(0, 2))
        cloth[motif > rng.uniform(0.3, 1)] = colour(rng)
    weave = rng.uniform(0, 0.06) * bank.patch(rng, pick(rng, ("fine", "fine", "strands")), size)
    fold = paint.blur(bank.patch(rng, "strands" if happens(rng, 0.7) else "fractal", size), rng.uniform(1, 6))
    cloth *= (1 + weave + rng.uniform(0.03, 0.2) * fold)[..., None]
    return np.clip(cloth, 0, 1.1)


def plain_colour(rng) -> np.ndarray:
    """What clothes are dyed: any muted colour, or black, grey and white."""
    if happens(rng, 0.62):
        return colour(rng)
    return np.clip(pick(rng, (0.04, 0.07, 0.12, 0.2, 0.5, 0.85, 0.93)) + rng.normal(0, 0.02, 3), 0, 1).astype(
        np.float32
    )
