"""The picture while it is put together: unlit colour, depth, label and gloss of whatever is nearest at each pixel."""

import numpy as np

from . import paint


class Canvas:
    def __init__(self, background, unit: float):
        self.size, self.unit = background.shape[0], unit  # pixels; pixels a unit
        self.background = background  # already lit
        self.colour = np.zeros_like(background)
        self.depth = np.full(background.shape[:2], -6.0, np.float32)  # units towards the viewer
        self.label = np.zeros(background.shape[:2], np.uint8)
        self.gloss = np.zeros(background.shape[:2], np.float32)
        self.cover = np.zeros(background.shape[:2], np.float32)  # share of the pixel that is not background

    def put(self, mask, colour, label=None, depth=None, gloss=0.0, strength: float = 1.0) -> None:
        """Lay something over all there is. mask: uint8, or float in 0 .. 1; over half of it takes the label."""
        if mask.dtype != np.uint8:
            mask = (np.clip(mask, 0, 1) * 255).astype(np.uint8)
        area = paint.box(mask)
        if area is None:
            return
        alpha = mask[area].astype(np.float32) * (strength / 255)
        taken = mask[area] > 127
        colour = np.asarray(colour, np.float32)
        colour = colour[area] if colour.ndim == 3 else colour
        # the first layer over the background must not mix with the black below it
        known = self.cover[area] / np.maximum(self.cover[area] + alpha * (1 - self.cover[area]), 1e-4)
        mix = np.maximum(alpha, 1 - known) * (alpha > 0)
        self.colour[area] += mix[..., None] * (colour - self.colour[area])
        self.cover[area] += alpha * (1 - self.cover[area])
        if depth is not None:
            depth = depth[area] if np.ndim(depth) else np.float32(depth)
            self.depth[area] = np.where(taken, depth, self.depth[area])
        gloss = gloss[area] if np.ndim(gloss) else gloss
        self.gloss[area] += alpha * (gloss - self.gloss[area])
        if label is not None:
            label = label[area] if np.ndim(label) else np.uint8(label)
            self.label[area] = np.where(taken, label, self.label[area])

    def tint(self, mask, colour, strength: float = 1.0) -> None:
        """Change colours only: make-up, seams, shadows that are painted."""
        paint.blend(self.colour, mask, colour, strength)
