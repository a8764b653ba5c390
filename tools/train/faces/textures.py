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


def _coils(rng):
    """Hooks and rings of many sizes, the deeper ones darker, each with a bright rim and a dark gap around it."""
    size, margin = rng.uniform(5, 9), 32
    wide = np.full((TILE + 2 * margin,) * 2, 30, np.uint8)
    for bright in (90, 130, 180, 230):
        for _ in range(int(0.5 * (TILE / size) ** 2)):
            centre = tuple(rng.integers(0, len(wide), 2).tolist())
            radius = size * np.exp(rng.normal(0, 0.35))
            axes = (max(1, int(radius)), max(1, int(radius * rng.uniform(0.4, 1))))
            turn, start = rng.uniform(0, 360), rng.uniform(0, 360)
            arc = (turn, start, start + rng.uniform(130, 330))
            cv2.ellipse(wide, centre, axes, *arc, 15, 5, cv2.LINE_AA)
            cv2.ellipse(wide, centre, axes, *arc, int(bright * rng.uniform(0.7, 1.1)), 2, cv2.LINE_AA)
    tile = wide[margin:-margin, margin:-margin].astype(np.float32)
    fade = np.linspace(0, 1, margin, dtype=np.float32)  # the far edge goes over into what lies before the near one
    tile[-margin:] += fade[:, None] * (wide[:margin, margin:-margin] - tile[-margin:])
    tile[:, -margin:] += fade * (np.roll(wide, -margin, 0)[:TILE, :margin] - tile[:, -margin:])
    tile = tile / tile.std() + 0.4 * _noise(rng, _gaussian(12, 12)) + 0.2 * _noise(rng, _gaussian(1, 1))
    return (tile - tile.mean()) / tile.std()


def _ropes(rng):
    """Upright ropes side by side, each rounded and parted in twisted, plaited or knotted segments."""
    count = int(rng.integers(14, 30))
    edges = np.cumsum(rng.uniform(0.6, 1.4, count))
    edges = np.concatenate([[0], edges]) * (TILE / edges[-1])
    at = np.arange(TILE) + 0.5
    rope = np.searchsorted(edges, at) - 1
    across = ((at - edges[rope]) / np.diff(edges)[rope]).astype(np.float32) * 2 - 1
    period = TILE / int(count * rng.uniform(0.7, 1.8))
    lean = pick(rng, (across, 0.9 * np.abs(across), 0.25 * across**2))
    phase = at[:, None] / period + rng.uniform(0, 1, count)[rope] + lean
    segments = np.abs(np.sin(np.pi * phase)) ** 0.6
    tile = np.sqrt(1 - across**2) * (0.45 + 0.55 * segments) * 3 + 0.35 * _strands(rng)
    return ((tile - tile.mean()) / tile.std()).astype(np.float32)


class Bank:
    def __init__(self, seed: int = 0):
        rng = np.random.default_rng([seed, TILE])
        self.fractal = [_fractal(rng) for _ in range(20)]
        self.fine = [_noise(rng, _gaussian(s, s)) for s in (0.5, 0.7, 1.0, 1.5, 2.0)]
        self.strands = [_strands(rng) for _ in range(16)]
        self.curls = [_curls(rng) for _ in range(8)]
        self.coils = [_coils(rng) for _ in range(6)]
        self.ropes = [_ropes(rng) for _ in range(8)]
        self.photographs = _photographs()

    def patch(self, rng, kind: str, size: int) -> np.ndarray:
        """A random crop of size x size from a random tile of a kind ("fractal", "fine", "strands", "curls" ...)."""
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
