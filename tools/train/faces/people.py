"""Who is drawn: sex, age, and the colours of skin, hair and brows. Colours are RGB in 0 .. 1."""

import numpy as np

from .chance import colour, happens, pick, weighted

SKINS = (
    np.array(
        [
            (255, 226, 205),
            (250, 213, 186),
            (240, 200, 170),
            (232, 184, 150),
            (224, 172, 136),
            (212, 158, 120),
            (198, 140, 102),
            (178, 120, 84),
            (152, 98, 66),
            (126, 80, 54),
            (98, 62, 44),
            (74, 48, 36),
            (56, 37, 30),
        ],
        np.float32,
    )
    / 255
)
HAIRS = (
    np.array(
        [
            (18, 15, 15),
            (28, 22, 20),
            (45, 32, 24),
            (66, 45, 30),
            (90, 62, 40),
            (120, 84, 52),
            (150, 112, 70),
            (185, 148, 98),
            (215, 185, 135),
            (235, 215, 175),
            (244, 232, 208),
            (120, 55, 28),
            (150, 72, 36),
            (186, 84, 34),
            (84, 30, 26),
            (95, 92, 90),
            (150, 148, 145),
            (205, 203, 200),
            (238, 236, 233),
        ],
        np.float32,
    )
    / 255
)
DARK_HAIRS, COLOURED_HAIRS, GREY_HAIRS = HAIRS[:4], HAIRS[:15], HAIRS[15:]


def skin_tone(rng) -> np.ndarray:
    """Between neighbouring anchors, from very light to very dark."""
    at = rng.uniform(0, 9) if happens(rng, 0.72) else rng.uniform(6, len(SKINS) - 1.001)
    low = int(at)
    tone = SKINS[low] + (at - low) * (SKINS[low + 1] - SKINS[low])
    return np.clip(tone * (1 + rng.normal(0, 0.05)) * (1 + rng.normal(0, 0.02, 3)), 0.05, 1).astype(np.float32)


class Person:
    def __init__(self, rng):
        self.age = weighted(rng, {"child": 0.1, "adult": 0.7, "old": 0.2})
        self.child, self.old = self.age == "child", self.age == "old"
        self.masculine = not self.child and happens(rng, 0.53)
        self.made_up = not (self.child or self.masculine) and happens(rng, 0.5)
        self.heavy = float(np.clip(rng.normal(0.4 * self.child, 0.8), -1.5, 2))  # from gaunt to fat
        self.skin = skin_tone(rng)
        self.darkness = float(1 - self.skin.mean())
        dark = happens(rng, 0.35 + 0.3 * (self.darkness > 0.55))
        hair = pick(rng, DARK_HAIRS if dark else COLOURED_HAIRS)
        hair = hair * rng.uniform(0.7, 1.25) * (1 + rng.normal(0, 0.05, 3))
        if happens(rng, 0.7 if self.old else 0.03):
            hair = pick(rng, GREY_HAIRS) * rng.uniform(0.85, 1.05)
        elif happens(rng, 0.04):
            hair = colour(rng)  # dyed
        self.hair = np.clip(hair, 0.02, 1).astype(np.float32)
        brow = self.hair * rng.uniform(0.45, 0.95) if happens(rng, 0.8) else pick(rng, DARK_HAIRS) * 0.8
        self.brow = np.minimum(np.clip(brow, 0.03, 0.6), self.skin * 0.75).astype(np.float32)
