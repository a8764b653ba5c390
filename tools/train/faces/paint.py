"""Curves, masks and blurs: the few drawing operations everything is made of."""

import cv2
import numpy as np

cv2.setNumThreads(1)
_SUBPIXEL = 4  # bits of a coordinate's fraction in OpenCV's drawing calls


def smooth(points, rounds: int = 2, closed: bool = True) -> np.ndarray:
    """Corners cut by Chaikin's rule; an open curve keeps its ends."""
    points = np.asarray(points, np.float64)
    for _ in range(rounds):
        first, second = (points, np.roll(points, -1, 0)) if closed else (points[:-1], points[1:])
        cut = np.empty((2 * len(first), points.shape[1]))
        cut[0::2], cut[1::2] = 0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second
        points = cut if closed else np.concatenate([points[:1], cut, points[-1:]])
    return points


def resample(points, count: int) -> np.ndarray:
    """`count` points at equal steps along a closed curve."""
    loop = np.concatenate([points, points[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count, endpoint=False)
    return np.stack([np.interp(at, length, loop[:, 0]), np.interp(at, length, loop[:, 1])], 1)


def wobble(rng, points, amplitude: float, count: int = 90) -> np.ndarray:
    """A closed curve pushed in and out by smooth noise of this amplitude (in the points' units)."""
    points = resample(np.asarray(points, np.float64), count)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    push = sum(rng.normal(0, k**-0.6) * np.sin(k * angle + rng.uniform(0, 6.28)) for k in (2, 3, 5, 8, 13, 21))
    out = points - points.mean(0)
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-6
    return points + out * (push * amplitude)[:, None]


def _fixed(points):
    return np.round(np.asarray(points) * (1 << _SUBPIXEL)).astype(np.int32)


def polygon(shape, *outlines) -> np.ndarray:
    """uint8 mask of the union of outlines (in pixels), with soft edges."""
    mask = np.zeros(shape[:2], np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_AA, _SUBPIXEL)
    return mask


def line(mask, points, width: float, value: int = 255, closed: bool = False) -> np.ndarray:
    """A polyline `width` pixels wide; a width under one pixel dims it instead."""
    return lines(mask, [points], width, value, closed)


def lines(mask, curves, width: float, value: int = 255, closed: bool = False) -> np.ndarray:
    """Several polylines of one width."""
    value = int(value * min(1.0, max(width, 0.25)))
    cv2.polylines(
        mask, [_fixed(points) for points in curves], closed, value, max(1, int(round(width))), cv2.LINE_AA, _SUBPIXEL
    )
    return mask


def disc(mask, centre, radius: float, value: int = 255) -> np.ndarray:
    """A filled circle, in pixels."""
    x, y = _fixed(centre).tolist()
    cv2.circle(mask, (x, y), max(1, int(round(radius * (1 << _SUBPIXEL)))), value, -1, cv2.LINE_AA, _SUBPIXEL)
    return mask


def box(mask):
    """Slices of the smallest rectangle that holds a mask; None if it is empty."""
    x, y, width, height = cv2.boundingRect(mask)
    return (slice(y, y + height), slice(x, x + width)) if width else None


def blur(picture, sigma: float) -> np.ndarray:
    """Gaussian blur; a wide one is taken at a quarter of the size."""
    if sigma < 0.25:
        return picture
    if sigma < 4 or min(picture.shape[:2]) < 32:
        return cv2.GaussianBlur(picture, (0, 0), sigma)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 4), (width, height), interpolation=cv2.INTER_LINEAR)


def inflate(mask, radius: float) -> np.ndarray:
    """A round cushion over a mask: height in pixels, rising over `radius` pixels from its edge."""
    height, width = mask.shape
    small = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    # the picture's border is no edge: what leaves the picture goes on outside it
    distance = cv2.distanceTransform((small > 127).astype(np.uint8), cv2.DIST_L2, 3) * 2
    rise = np.minimum(distance, radius) / radius
    cushion = np.sqrt(np.maximum(0, 1 - (1 - rise) ** 2)).astype(np.float32) * radius
    return blur(cv2.resize(cushion, (width, height)), 1.5)


def blend(picture, mask, colour, strength: float = 1.0) -> None:
    """Lay a colour (one, or a picture of them) over a float RGB picture where a uint8 mask says."""
    area = box(mask)
    if area is None:
        return
    alpha = mask[area].astype(np.float32)
    alpha *= strength / 255
    colour = np.asarray(colour, np.float32)
    target = picture[area]
    target += alpha[..., None] * ((colour[area] if colour.ndim == 3 else colour) - target)
