"""Strands: noise that flows over the hair's shell, straight or wavy, in ringlets, curls, tight coils or ropes."""

import cv2
import numpy as np

from . import paint
from .chance import happens, pick
from .textures import TILE

ROUND = ("curly", "coils")  # kinds without a direction


def strands(rng, bank, seen, kind: str, parting) -> np.ndarray:
    """Noise of the picture's size, mean about 0, deviation about 1; two flows mixed where hair is loose."""
    flow = _flow(rng, bank, seen, kind, parting)
    size = flow.shape[0]
    if kind in ("straight", "wavy") and happens(rng, 0.6):
        other = _flow(rng, bank, seen, "wavy", parting + rng.normal(0, 0.5, 2))
        share = paint.blur(bank.patch(rng, "fractal", size), size / 40) * rng.uniform(2, 6) + 0.3
        flow += np.clip(share, 0, 1) * (other - flow)
    return flow + rng.uniform(0, 0.8) * paint.blur(bank.patch(rng, "fractal", size), size / 60)


def beard_strands(rng, bank, seen, curly: bool) -> np.ndarray:
    """The same for a beard, which runs down or curls."""
    return _flow(rng, bank, seen, "curly" if curly else "wavy", (0.0, -2.5))


def _flow(rng, bank, seen, kind, parting):
    """A tile of the kind laid over the shell: along lines from the parting, or over all directions alike."""
    theta, y, radius = (v[::2, ::2] for v in (seen.theta, seen.y, seen.radius))
    clouds = paint.blur(bank.patch(rng, "fractal", y.shape[0]), 3)
    warp = rng.uniform(0, 0.07)
    fine = rng.uniform(90, 200) * seen.y.shape[0] / 256  # strand pixels a unit
    if kind in ROUND:
        x, y = radius * theta + warp * clouds, y + np.float32(0.6) * radius + warp * clouds[::-1]
        scale = np.exp(rng.uniform(np.log(75), np.log(200))) if kind == "coils" else 0.6 * fine
        columns, rows, tile = x * scale, y * scale, pick(rng, bank.coils if kind == "coils" else bank.curls)
    else:
        x, y = theta * np.float32(1.2) + warp * clouds, y + warp * clouds[::-1]
        dx, dy = x - float(parting[0]), y - float(parting[1])
        away, angle = np.sqrt(dx * dx + dy * dy) + 1e-3, np.arctan2(dx, dy)
        reach = max(0.8, float(np.hypot(parting[0], parting[1] + 0.3)))
        across = angle * reach + _wave(rng, kind, away, angle, clouds)
        if kind in ("ropes", "ringlets"):
            scale = rng.uniform(110, 300) if kind == "ropes" else rng.uniform(70, 150)
            columns, rows, tile = across * scale, away * scale, pick(rng, bank.ropes)
        else:
            columns, rows, tile = across * fine, away * fine * rng.uniform(0.3, 0.8), pick(rng, bank.strands)
    size = seen.y.shape[::-1]
    columns, rows = (cv2.resize(v.astype(np.float32), size) + np.float32(40 * TILE) for v in (columns, rows))
    return cv2.remap(tile, columns % TILE, rows % TILE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _wave(rng, kind, away, angle, clouds):
    """How far strands swing to the sides, in units."""
    most = {"straight": 0.03, "wavy": 0.12, "ringlets": 0.08, "ropes": 0.02}[kind]
    wave = rng.uniform(0, most) * np.sin(away * rng.uniform(3, 9) + angle * rng.uniform(1, 5) + rng.uniform(0, 6))
    return wave + most * clouds * rng.uniform(0, 1) if kind in ("wavy", "ringlets") else wave
