"""What a camera and a file format do to a picture."""

import cv2
import numpy as np

from . import labels, paint
from .chance import happens, weighted


def expose(rng, picture, label, darkness: float) -> np.ndarray:
    """Bring the skin's mean to what a photographer would choose, roughly: darker skin may stay darker."""
    skin = picture[label == labels.SKIN]
    if len(skin) < 100:
        return picture
    mean = float(np.clip(skin.mean(), 0.03, 1))
    target = rng.uniform(0.38, 0.72) if darkness < 0.5 else rng.uniform(0.22, 0.5)
    return picture * float(np.clip((target / mean) ** rng.uniform(0.4, 0.9), 0.7, 3.2))


def photograph(rng, picture, bank) -> np.ndarray:
    """Linear-ish RGB float -> uint8: colour cast, exposure, contrast, blur, noise, JPEG."""
    size = len(picture)
    if happens(rng, 0.5):
        picture = picture * (1 + rng.normal(0, 0.05, 3)).astype(np.float32)
    wrong = rng.uniform(0.4, 0.75) if happens(rng, 0.5) else rng.uniform(1.3, 1.9)  # exposure
    picture = np.clip(picture * np.float32(wrong if happens(rng, 0.1) else rng.uniform(0.8, 1.25)), 0, 1)
    if happens(rng, 0.5):
        picture = cv2.pow(picture, float(np.exp(rng.normal(0, 0.22))))
    if happens(rng, 0.4):
        picture = (picture - 0.45) * np.float32(rng.uniform(0.75, 1.3)) + np.float32(0.45 + rng.normal(0, 0.03))
    if happens(rng, 0.3):
        grey = picture.mean(2, keepdims=True)
        picture = picture + (grey - picture) * np.float32(rng.uniform(-0.4, 0.4))
    if happens(rng, 0.25):
        at = np.linspace(-1, 1, size, dtype=np.float32) ** 2
        picture = picture * (1 - np.float32(rng.uniform(0, 0.35)) * (at[None] + at[:, None]))[..., None]
    if happens(rng, 0.2):
        picture = picture + paint.blur(picture, 8 * size / 256) * np.float32(rng.uniform(0, 0.2))
    picture = _soften(rng, picture, size)
    if happens(rng, 0.7):
        noise = bank.patch(rng, "fine", size)[..., None]
        if happens(rng, 0.5):
            noise = np.dstack([bank.patch(rng, "fine", size) for _ in range(3)])
        picture = picture + np.float32(rng.uniform(0, 0.028)) * noise
    if happens(rng, 0.12):
        picture = _without_colour(rng, picture)
    picture = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    if happens(rng, 0.6):
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(35, 96))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture[..., ::-1], quality)[1], cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(picture)


def _without_colour(rng, picture):
    """Grey, sepia or another tone, as films of several kinds see colours; some with much contrast."""
    share = rng.dirichlet([2.0, 3.0, 1.5]).astype(np.float32)
    grey = np.clip(picture @ share, 0, 1)[..., None]
    if happens(rng, 0.3):
        steep = rng.uniform(3, 9)
        grey = 1 / (1 + np.exp(np.float32(-steep) * (grey - np.float32(rng.uniform(0.35, 0.6)))))
    tone = weighted(rng, {"grey": 0.7, "sepia": 0.18, "tinted": 0.12})
    if tone == "grey":
        return np.repeat(grey, 3, 2)
    dark = rng.uniform(0.8, 2, 3) if tone == "tinted" else np.array([0.75, 1.0, rng.uniform(1.2, 1.7)])
    return (grey ** dark.astype(np.float32)).astype(np.float32)


def _soften(rng, picture, size):
    kind = weighted(rng, {"sharp": 0.22, "soft": 0.5, "blurred": 0.1, "shaken": 0.06, "enlarged": 0.12})
    scale = size / 256
    if kind == "soft":
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.35, 1.1) * scale)
    if kind == "blurred":
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.1, 2.4) * scale)
    if kind == "shaken":
        length = int(rng.integers(3, 8) * scale)
        kernel = paint.line(
            np.zeros((length + 2, length + 2), np.uint8), [[0, 0], [length + 1, rng.uniform(0, length + 1)]], 1
        )
        kernel = kernel.astype(np.float32)
        return cv2.filter2D(picture, -1, kernel / kernel.sum())
    if kind == "enlarged":
        small = int(rng.uniform(0.28, 0.8) * size)
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        return cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC)
    return picture
