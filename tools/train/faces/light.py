"""Light on the canvas: a key light from any side, ambient light, cast shadows, gloss, sometimes a rim light."""

import cv2
import numpy as np

from . import paint
from .chance import colour, happens


class Light:
    def __init__(self, rng):
        self.direction = np.array([rng.normal(0, 0.65), rng.normal(-0.4, 0.4), 1.0])
        self.direction /= np.linalg.norm(self.direction)
        self.ambient = rng.uniform(0.3, 0.8)
        self.shadow = rng.uniform(0.2, 0.85)  # how dark cast shadows are
        self.tint = (1 + rng.normal(0, 0.05, 3)).astype(np.float32)  # of the key light
        self.ambient_tint = np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.84, 1.04)], np.float32)
        self.shine = rng.uniform(8, 40)
        self.rim = (rng.choice([-1, 1]), rng.uniform(0.2, 0.9), colour(rng, 0.5, 1)) if happens(rng, 0.15) else None


def _least(forward, backward):
    """The smaller of two slopes of one sign, else none: keeps outlines from shading the surfaces they part."""
    return np.where(forward * backward > 0, np.where(np.abs(forward) < np.abs(backward), forward, backward), 0)


def _slopes(height):
    """Slopes of a height in pixels, taken on the side where the surface goes on."""
    right = np.diff(height, axis=1, append=height[:, -1:])
    down = np.diff(height, axis=0, append=height[-1:])
    left = np.concatenate([right[:, :1], right[:, :-1]], 1)
    up = np.concatenate([down[:1], down[:-1]], 0)
    return (np.clip(paint.blur(_least(a, b), 0.8), -3, 3) for a, b in ((right, left), (down, up)))


def _cast_shadow(depth, light, unit: float) -> np.ndarray:
    """How much of the key light is kept off each pixel, 0 .. 1: march towards it over the depth map, at a quarter."""
    size = depth.shape[0] // 4
    small = cv2.resize(depth, (size, size), interpolation=cv2.INTER_AREA)
    across, down, towards = light.direction.tolist()
    excess = np.zeros_like(small)
    for step in (0.1, 0.18, 0.28, 0.4, 0.55, 0.75, 1.0):  # units along the picture
        shift = np.float32([[1, 0, -across * step * unit / 4], [0, 1, -down * step * unit / 4]])
        ahead = cv2.warpAffine(small, shift, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=-6)
        excess = np.maximum(excess, (ahead - small - towards * step) / (0.25 + 0.3 * step))
    shadow = cv2.GaussianBlur(np.clip(excess * 1.2 - 0.1, 0, 1), (0, 0), 0.8)
    return cv2.resize(shadow, depth.shape[::-1], interpolation=cv2.INTER_LINEAR)


def illuminate(canvas, light) -> np.ndarray:
    """The picture, RGB float in 0 .. 1 and a little over."""
    slope_x, slope_y = _slopes(canvas.depth * canvas.unit)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    across, down, towards = (np.float32(v) for v in light.direction)
    facing = (towards - slope_x * across - slope_y * down) / length
    key = np.maximum(facing, 0) * (1 - light.shadow * _cast_shadow(canvas.depth, light, canvas.unit))
    ambient = light.ambient * (0.75 + 0.25 / length)
    lit = ambient[..., None] * light.ambient_tint + ((1 - light.ambient) * 1.25 * key)[..., None] * light.tint
    picture = canvas.colour * lit
    half = np.array([across, down, towards + 1])
    half = (half / np.linalg.norm(half)).astype(np.float32)
    mirror = np.maximum((half[2] - slope_x * half[0] - slope_y * half[1]) / length, 0)
    picture += (canvas.gloss * cv2.pow(mirror, light.shine) * key)[..., None]
    if light.rim is not None:
        side, strength, rgb = light.rim
        edge = np.clip(np.minimum(-side * slope_x, 2) - 0.9, 0, 1) * strength
        picture += edge[..., None] * rgb * (0.3 + 0.7 * canvas.colour)
    cover = canvas.cover[..., None]
    return picture * cover + canvas.background * (1 - cover)
