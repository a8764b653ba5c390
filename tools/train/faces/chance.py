"""Small helpers around numpy's random generator, so that drawing code reads as a list of choices."""

import numpy as np


def happens(rng, probability: float) -> bool:
    return rng.random() < probability


def pick(rng, items):
    return items[int(rng.integers(len(items)))]


def weighted(rng, table: dict):
    """One key of {choice: weight}."""
    weights = np.fromiter(table.values(), float)
    return list(table)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def colour(rng, low=0.0, high=1.0) -> np.ndarray:
    """RGB in [low, high], mostly muted as most things are."""
    rgb = rng.uniform(low, high, 3)
    if happens(rng, 0.7):
        rgb = rgb.mean() + (rgb - rgb.mean()) * rng.uniform(0, 0.6)
    return rgb.astype(np.float32)
