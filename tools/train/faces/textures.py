"""Banks of noise, made once a process: every texture of a render is a crop or a warp of one of these.

All tiles are TILE x TILE float32 with mean 0 and deviation 1, and periodic, so that a warp may run over the edge.
"""

import functools
import os

import cv2
import numpy as np
from PIL import Image

from .chance import happens, pick

TILE = 512

# Photographs that come with Python packages, by package and folder; none shows a person (README.md has the licences).
SAMPLES = {
    ("skimage", "data"): "brick.png cell.png chelsea.png coffee.png coins.png grass.png gravel.png "
    "hubble_deep_field.jpg ihc.png text.png",
    ("sklearn", "datasets/images"): "china.jpg flower.jpg",
}


def _noise(rng, spectrum) -> np.ndarray:
    """White noise shaped by an amplitude for each frequency (|fx|, |fy| in cycles a pixel)."""
    white = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    fy, fx = np.abs(np.fft.fftfreq(TILE))[:, None], np.fft.rfftfreq(TILE)[None]
    tile = np.fft.irfft2(white * spectrum(fx, fy), s=(TILE, TILE)).astype(np.float32)
    return (tile - tile.mean()) / (tile.std() + 1e-6)


def _gaussian(across: float, along: float):
    """Spectrum of a blur by `across` pixels horizontally and `along` vertically."""
    return lambda fx, fy: np.exp(-2 * np.pi**2 * ((fx * across) ** 2 + (fy * along) ** 2))


def _fractal(rng):
    slope = rng.uniform(0.9, 1.9)
    return _noise(rng, lambda fx, fy: 1 / np.maximum(np.hypot(fx, fy), 1.5 / TILE) ** slope)


def _strands(rng):
    """Vertical strands, thin ones on locks on tresses."""
    tile = 0
    for width, length in ((0.5, 50), (1.2, 70), (3, 90), (8, 120), (18, 120)):
        blur = _gaussian(width * rng.uniform(0.7, 1.4), length * rng.uniform(0.4, 1.0))
        tile = tile + rng.uniform(0.25, 0.9) * _noise(rng, blur)
    return tile / tile.std()


def _curls(rng):
    size = rng.uniform(1.0, 3.2)
    rings = _noise(rng, lambda fx, fy: np.exp(-(((np.hypot(fx, fy) * size * 6.3 - 2) / 0.8) ** 2)))
    tile = rings - 0.6 * np.abs(_noise(rng, _gaussian(size * 1.3, size * 1.3)))
    tile += rng.uniform(0.3, 0.9) * _strands(rng) + 0.4 * _noise(rng, _gaussian(7, 7))
    return (tile - tile.mean()) / tile.std()


class Bank:
    def __init__(self, seed: int = 0):
        rng = np.random.default_rng([seed, TILE])
        self.fractal = [_fractal(rng) for _ in range(20)]
        self.fine = [_noise(rng, _gaussian(s, s)) for s in (0.5, 0.7, 1.0, 1.5, 2.0)]
        self.strands = [_strands(rng) for _ in range(16)]
        self.curls = [_curls(rng) for _ in range(8)]
        self.photographs = _photographs()

    def patch(self, rng, kind: str, size: int) -> np.ndarray:
        """A random crop of size x size from a random tile of a kind ("fractal", "fine", "strands", "curls")."""
        side = min(size, TILE // 2)
        y, x = rng.integers(0, TILE - side + 1, 2)
        tile = pick(rng, getattr(self, kind))[y : y + side, x : x + side]
        if happens(rng, 0.5):
            tile = tile[:, ::-1]
        return np.ascontiguousarray(tile) if side == size else cv2.resize(tile, (size, size))


def _photographs() -> list:
    found = []
    for (package, folder), names in SAMPLES.items():
        try:
            root = os.path.dirname(__import__(package).__file__)
        except ImportError:
            continue
        for name in names.split():
            path = os.path.join(root, folder, name)
            if os.path.exists(path):
                picture = Image.open(path).convert("RGB")
                picture.thumbnail((640, 4096))
                found.append(np.asarray(picture))
    return found


@functools.lru_cache(maxsize=2)
def bank(seed: int = 0) -> Bank:
    return Bank(seed)
