"""The whole finder in NumPy around the twin's two networks: what tools/finder/README.md says, step by step."""
import math
from dataclasses import dataclass, field

import numpy as np
import torch

from .detector import MULTIPLE, STRIDES

LEAST_SCORE = 0.3  # of a candidate
MOST_OVERLAP = 0.3  # intersection over union of two that both stay
MOST_NESTED = 0.6  # intersection over the smaller one, where the worse one's centre lies in the better one


@dataclass
class Candidate:
    """A box in edges of its picture, and what is known of it."""
    score: float
    x: float
    y: float
    width: float
    height: float
    points: np.ndarray = field(default=None)  # [5, 2] edges, as YuNet says them
    turn: int = 0  # quarter turns, clockwise, of the picture it was found in


def area_weights(size: int, first: float, step: float, count: int) -> np.ndarray:
    """[count, size]: row i averages [first + i step, first + (i + 1) step) of pixels 0..size; nothing outside."""
    edges = first + step * np.arange(count + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixels = np.arange(size)[None]
    return np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, None) / step


def resize(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """[H, W, 3] -> [height, width, 3], each pixel the mean of its area, not rounded."""
    rows = area_weights(picture.shape[0], 0, picture.shape[0] / height, height)
    columns = area_weights(picture.shape[1], 0, picture.shape[1] / width, width)
    return np.einsum("yh,hwc,xw->yxc", rows, picture, columns, optimize=True)


def fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longer side at most `side`; never enlarged."""
    height, width = picture.shape[:2]
    if max(height, width) <= side:
        return picture
    factor = side / max(height, width)
    return resize(picture, max(1, math.floor(width * factor + 0.5)), max(1, math.floor(height * factor + 0.5)))


def padded(picture: np.ndarray) -> torch.Tensor:
    """[H, W, 3] red, green, blue 0..255 -> [1, 3, H', W'] blue, green, red, zeros at the right and at the bottom."""
    height, width = (-(-size // MULTIPLE) * MULTIPLE for size in picture.shape[:2])
    out = np.zeros((height, width, 3))
    out[:picture.shape[0], :picture.shape[1]] = picture[:, :, ::-1]
    return torch.from_numpy(out).permute(2, 0, 1)[None]


def decode(levels: list[dict], least_score: float = LEAST_SCORE) -> list[Candidate]:
    """YuNet's maps of one picture -> candidates in edges of its input, by stride, row, column."""
    found = []
    for stride, level in zip(STRIDES, levels):
        maps = {name: value[0].permute(1, 2, 0).numpy() for name, value in level.items()}
        scores = np.sqrt(1 / (1 + np.exp(-maps["cls"][..., 0])) / (1 + np.exp(-maps["obj"][..., 0])))
        for r, c in zip(*np.nonzero(scores >= least_score)):
            b, cell = maps["bbox"][r, c], np.array([c, r])
            centre = (cell + b[:2]) * stride + 0.5
            width, height = np.exp(b[2:]) * stride
            points = (cell + maps["kps"][r, c].reshape(5, 2)) * stride + 0.5
            found.append(Candidate(float(scores[r, c]), centre[0] - width / 2, centre[1] - height / 2, width, height,
                                   points))
    return found


def repeats(worse: Candidate, better: Candidate) -> bool:
    w = min(worse.x + worse.width, better.x + better.width) - max(worse.x, better.x)
    h = min(worse.y + worse.height, better.y + better.height) - max(worse.y, better.y)
    if w <= 0 or h <= 0:
        return False
    a, b = worse.width * worse.height, better.width * better.height
    if w * h > MOST_OVERLAP * (a + b - w * h):
        return True
    x, y = worse.x + worse.width / 2 - better.x, worse.y + worse.height / 2 - better.y
    return 0 <= x <= better.width and 0 <= y <= better.height and w * h > MOST_NESTED * min(a, b)


def suppressed(candidates: list[Candidate]) -> list[Candidate]:
    """The best first, without those that repeat a better one; equal scores keep their order."""
    kept = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        if not any(repeats(candidate, better) for better in kept):
            kept.append(candidate)
    return kept
