"""What is behind: plain walls, gradients, clutter, curtains, lights, windows, leaves, planks, other people's blur."""

import math

import cv2
import numpy as np

from . import paint
from .chance import colour, happens, pick, weighted
from .people import HAIRS, SKINS


def background(rng, size: int, bank) -> np.ndarray:
    """RGB float [size, size, 3] in 0 .. 1, already lit."""
    base = weighted(rng, {"gradient": 0.34, "photograph": 0.28 if bank.photographs else 0, "clouds": 0.38})
    picture = {"gradient": _gradient, "photograph": _photograph, "clouds": _clouds}[base](rng, size, bank)
    scene = weighted(
        rng,
        {
            "none": 0.4,
            "curtain": 0.12,
            "lights": 0.07,
            "stripes": 0.08,
            "windows": 0.08,
            "leaves": 0.1,
            "planks": 0.08,
            "crowd": 0.07,
        },
    )
    if scene != "none":
        picture = SCENES[scene](rng, np.ascontiguousarray(picture, np.float32), bank)
    if happens(rng, 0.4):
        picture = _shapes(rng, picture, bank)
    return np.ascontiguousarray(np.clip(picture, 0, 1), np.float32)


def _gradient(rng, size, bank):
    angle, at = rng.uniform(0, 6.28), np.linspace(-0.5, 0.5, size, dtype=np.float32)
    along = np.clip(at[None] * math.cos(angle) + at[:, None] * math.sin(angle) + 0.5, 0, 1)[..., None]
    first = colour(rng)
    picture = first + (colour(rng) - first) * along * rng.uniform(0, 1)
    return picture + bank.patch(rng, "fractal", size)[..., None] * rng.uniform(0, 0.12)


def _photograph(rng, size, bank):
    photo = pick(rng, bank.photographs)
    side = int(rng.uniform(0.25, 1) * min(photo.shape[:2]))
    y, x = (int(rng.integers(0, n - side + 1)) for n in photo.shape[:2])
    picture = cv2.resize(np.ascontiguousarray(photo[y : y + side, x : x + side]), (size, size)).astype(np.float32) / 255
    if happens(rng, 0.5):
        picture = picture[:, ::-1]
    if happens(rng, 0.5):
        picture = picture[..., rng.permutation(3)]
    if happens(rng, 0.6):
        picture = paint.blur(np.ascontiguousarray(picture), rng.uniform(0.5, 7) * size / 256)
    return picture * rng.uniform(0.4, 1.2) + rng.uniform(-0.1, 0.25)


def _clouds(rng, size, bank):
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = colour(rng)
    for _ in range(int(rng.integers(1, 3))):
        picture += bank.patch(rng, "fractal", size)[..., None] * colour(rng) * rng.uniform(0, 0.35)
    return picture


def _curtain(rng, picture, bank):
    size = len(picture)
    folds = paint.blur(bank.patch(rng, "strands", size), rng.uniform(0.5, 5))
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), np.degrees(rng.normal(0, 0.25)), 1.4)
    folds = cv2.warpAffine(folds, turn, (size, size), borderMode=cv2.BORDER_REFLECT_101)
    cloth = np.empty_like(picture)
    cloth[:] = colour(rng)
    for _ in range(int(rng.integers(0, 4))):
        x = int(rng.integers(0, size))
        cloth[:, x : x + int(rng.integers(10, size // 2))] = colour(rng)
    width = int(rng.integers(size // 3, size + 1))
    x = int(rng.integers(0, size - width + 1))
    picture[:, x : x + width] = (cloth * (1 + rng.uniform(0.1, 0.5) * folds[..., None]))[:, x : x + width]
    return picture


def _lights(rng, picture, bank):
    size = len(picture)
    picture *= rng.uniform(0.2, 0.8)
    for _ in range(int(rng.integers(8, 50))):
        x, y = rng.integers(0, size, 2).tolist()
        glow = np.clip(colour(rng, 0.5, 1.3) * [1.1, 1, 0.8], 0, 1.2).tolist()
        cv2.circle(picture, (x, y), int(rng.integers(2, 17) * size / 256), glow, -1, cv2.LINE_AA)
    return paint.blur(picture, rng.uniform(0.6, 4))


def _stripes(rng, picture, bank):
    size = len(picture)
    period, angle = rng.uniform(14, 90) * size / 256, rng.normal(0, 0.8)
    at = np.arange(size, dtype=np.float32)
    phase = (
        at[None] * math.cos(angle)
        + at[:, None] * math.sin(angle)
        + rng.uniform(0, 14) * bank.patch(rng, "fractal", size)
    )
    band = ((phase % period) < period * rng.uniform(0.3, 0.7))[..., None]
    waves = 1 + 0.12 * paint.blur(bank.patch(rng, "fractal", size), 3)[..., None]
    return paint.blur((np.where(band, colour(rng), colour(rng)) * waves).astype(np.float32), rng.uniform(0.4, 6))


def _windows(rng, picture, bank):
    size = len(picture)
    for _ in range(int(rng.integers(2, 8))):
        x, y = (int(v) for v in rng.integers(-size // 6, size, 2))
        width, height = (int(v) for v in rng.integers(size // 12, size * 2 // 3, 2))
        line = -1 if happens(rng, 0.5) else int(rng.integers(2, 12))
        cv2.rectangle(picture, (x, y), (x + width, y + height), colour(rng).tolist(), line)
    return paint.blur(picture, rng.uniform(0.4, 3))


def _leaves(rng, picture, bank):
    """Foliage or rubble: many small blobs of a few hues, near ones sharper."""
    size = len(picture)
    hues = [colour(rng) * (np.float32([0.6, 1, 0.4]) if happens(rng, 0.6) else 1) for _ in range(3)]
    count, length = int(rng.integers(60, 220)), rng.uniform(4, 20) * size / 256
    for x, y, angle, tone in zip(
        rng.integers(0, size, count).tolist(),
        rng.integers(0, size, count).tolist(),
        rng.uniform(0, 180, count),
        rng.uniform(0.3, 1.2, count),
    ):
        axes = (int(length * rng.uniform(0.5, 1.3)) + 1, int(length * rng.uniform(0.2, 0.6)) + 1)
        cv2.ellipse(picture, (x, y), axes, angle, 0, 360, (pick(rng, hues) * tone).tolist(), -1, cv2.LINE_AA)
    return paint.blur(picture, rng.uniform(0.3, 5))


def _planks(rng, picture, bank):
    """Wood: strands along the boards, dark seams between them; also bookshelves, books being short boards."""
    size = len(picture)
    grain = bank.patch(rng, "strands", size)
    books = happens(rng, 0.4)
    tone = np.float32([0.55, 0.36, 0.2]) * rng.uniform(0.3, 1.6)
    wood = tone * (1 + rng.uniform(0.05, 0.3) * grain[..., None])
    x = 0
    while x < size:
        width = int(rng.integers(5, 18) if books else rng.integers(16, 60))
        wood[:, x : x + width] *= colour(rng) * 2 if books else rng.uniform(0.8, 1.2)
        wood[:, x : x + int(rng.integers(1, 3))] *= 0.4
        x += width
    if books:
        for y in range(int(rng.integers(0, 60)), size, int(rng.integers(50, 110))):
            wood[y : y + int(rng.integers(4, 12))] = tone * 0.7
    if happens(rng, 0.4):
        wood = wood.transpose(1, 0, 2)
    return paint.blur(np.ascontiguousarray(wood, np.float32), rng.uniform(0.4, 5))


def _crowd(rng, picture, bank):
    """Blurred heads further back."""
    size = len(picture)
    for _ in range(int(rng.integers(1, 4))):
        x = rng.choice([rng.uniform(-0.05, 0.2), rng.uniform(0.8, 1.05)]) * size
        y, r = rng.uniform(0.2, 0.8) * size, rng.uniform(0.06, 0.18) * size
        for dx, dy, across, down, rgb in (
            (0, 2.6, 2.2, 1.6, colour(rng)),
            (0, -0.2, 1.15, 1.4, pick(rng, HAIRS)),
            (rng.normal(0, 0.2), 0.2, 0.85, 1.15, pick(rng, SKINS)),
        ):
            cv2.ellipse(
                picture,
                (int(x + dx * r), int(y + dy * r)),
                (int(across * r), int(down * r)),
                0,
                0,
                360,
                np.asarray(rgb, float).tolist(),
                -1,
            )
    return paint.blur(picture, rng.uniform(2, 8))


def _shapes(rng, picture, bank):
    picture = np.ascontiguousarray(picture, np.float32)
    size = len(picture)
    for _ in range(int(rng.integers(1, 14))):
        centre = rng.uniform(0, size, 2)
        spread = rng.uniform(0.04, 0.25) * size
        points = centre + rng.normal(0, spread, (int(rng.integers(3, 8)), 2))
        rgb = colour(rng) if happens(rng, 0.8) else pick(rng, SKINS if happens(rng, 0.5) else HAIRS)
        outline = points if happens(rng, 0.5) else paint.smooth(points, 2)
        paint.blend(picture, paint.polygon(picture.shape, outline), rgb)
    return paint.blur(picture, rng.uniform(0.4, 8))


SCENES = {
    "curtain": _curtain,
    "lights": _lights,
    "stripes": _stripes,
    "windows": _windows,
    "leaves": _leaves,
    "planks": _planks,
    "crowd": _crowd,
}
