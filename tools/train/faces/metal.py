"""What jewellery is made of: a colour that mostly stands out from what it lies on, with glitter."""

import numpy as np

from .chance import colour, happens, pick

_METALS = (
    (0.85, 0.68, 0.3),
    (0.9, 0.78, 0.45),
    (0.85, 0.85, 0.88),
    (0.62, 0.63, 0.66),
    (0.95, 0.93, 0.9),
    (0.8, 0.5, 0.35),
    (0.08, 0.08, 0.1),
)


def glitter(rng, canvas, mask, bank) -> np.ndarray:
    """RGB [size, size, 3] for what a mask will cover."""
    under = canvas.colour[mask > 127].mean(0) if (mask > 127).any() else np.full(3, 0.5)
    choices = [np.array(pick(rng, _METALS) if happens(rng, 0.8) else colour(rng)) for _ in range(3)]
    rgb = choices[0]
    if happens(rng, 0.75):
        rgb = max(choices, key=lambda c: np.abs(c - under).sum())
    sparkle = rng.uniform(0.1, 0.5) * bank.patch(rng, "fine", canvas.size)
    return np.clip(rgb * (1 + sparkle)[..., None], 0, 1.4).astype(np.float32)
