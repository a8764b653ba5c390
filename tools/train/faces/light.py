"""Light on the canvas: a key light, ambient light, cast shadows, gloss, sometimes a coloured second or a rim light."""

import cv2
import numpy as np

from . import paint
from .chance import colour, happens, weighted

SHARES = dict(soft=0.55, side=0.15, above=0.04, below=0.04, back=0.06, flash=0.09, stage=0.07)


class Light:
    def __init__(self, rng, size: int, bank):
        kind = weighted(rng, SHARES)
        self.direction = np.array([rng.normal(0, 0.65), rng.normal(-0.4, 0.4), 1.0])  # right, down, to the viewer
        self.ambient = rng.uniform(0.3, 0.95)
        self.shadow = rng.uniform(0.1, 0.85)  # how dark cast shadows are
        self.tint = (1 + rng.normal(0, 0.05, 3)).astype(np.float32)  # of the key light
        self.ambient_tint = np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.84, 1.04)], np.float32)
        self.shine = rng.uniform(8, 40)
        self.gloss = 1.0  # of all there is, times this
        self.behind = 1.0  # the background's brightness
        self.second = None  # direction and colour
        rim = happens(rng, 0.15)
        if kind == "side":  # half of the face may be nearly black
            self.direction = np.array([rng.choice([-1, 1]) * rng.uniform(1.0, 4), rng.normal(-0.3, 0.6), 1.0])
            self.ambient, self.shadow = rng.uniform(0.05, 0.3), rng.uniform(0.6, 1)
        elif kind in ("above", "below"):
            self.direction[1] = rng.uniform(1.0, 2.5) * (1 if kind == "below" else -1)
            self.ambient, self.shadow = rng.uniform(0.1, 0.4), rng.uniform(0.5, 1)
        elif kind == "back":
            self.direction[2], self.ambient, rim = rng.uniform(-0.6, 0.2), rng.uniform(0.3, 0.7), True
            self.behind = rng.uniform(1.1, 2.2)
        elif kind == "flash":
            self.direction = np.array([*rng.normal(0, 0.08, 2), 1.0])
            self.ambient, self.behind, self.gloss = rng.uniform(0.05, 0.25), rng.uniform(0.15, 0.8), rng.uniform(1, 2.5)
        elif kind == "stage":
            self.tint, self.ambient = _lamp(rng), rng.uniform(0.08, 0.4)
            self.ambient_tint = _lamp(rng)
            side = -np.copysign(rng.uniform(0.5, 2), self.direction[0])
            self.second = _unit(np.array([side, rng.normal(0, 0.5), 1.0])), _lamp(rng) * rng.uniform(0.2, 0.9)
            self.behind = rng.uniform(0.2, 1)
        self.direction = _unit(self.direction)
        self.rim = (rng.choice([-1, 1]), rng.uniform(0.2, 0.9), colour(rng, 0.5, 1)) if rim else None
        self.dapple = None  # patches of shade on all there is: how much light they let through
        if happens(rng, 0.06):
            edge = np.clip(bank.patch(rng, "fractal", size) * rng.uniform(1, 5) + rng.uniform(0, 1), 0.15, 1)
            self.dapple = paint.blur(edge.astype(np.float32), rng.uniform(0, 4) * size / 256)


def _unit(direction):
    return direction / np.linalg.norm(direction)


def _lamp(rng) -> np.ndarray:
    """A colour as bright as white, from pale to pure."""
    rgb = rng.uniform(0.05, 1, 3)
    return (1 + (rgb / rgb.mean() - 1) * rng.uniform(0.2, 1)).astype(np.float32)


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

    def facing(direction):
        across, down, towards = (np.float32(v) for v in direction)
        return np.maximum((towards - slope_x * across - slope_y * down) / length, 0)

    key = facing(light.direction) * (1 - light.shadow * _cast_shadow(canvas.depth, light, canvas.unit))
    if light.dapple is not None:
        key *= light.dapple
    ambient = light.ambient * (0.75 + 0.25 / length)
    lit = ambient[..., None] * light.ambient_tint + ((1 - light.ambient) * 1.25 * key)[..., None] * light.tint
    if light.second is not None:
        lit += facing(light.second[0])[..., None] * light.second[1]
    picture = canvas.colour * lit
    half = _unit(light.direction + [0, 0, 1 + 1e-3])
    picture += (light.gloss * canvas.gloss * cv2.pow(facing(half), light.shine) * key)[..., None]
    if light.rim is not None:
        side, strength, rgb = light.rim
        edge = np.clip(np.minimum(-side * slope_x, 2) - 0.9, 0, 1) * strength
        picture += edge[..., None] * rgb * (0.3 + 0.7 * canvas.colour)
    cover = canvas.cover[..., None]
    return picture * cover + canvas.background * np.float32(light.behind) * (1 - cover)
