"""Rays of the picture's pixels meet the head: for each pixel, which point of the table is seen, and how near it is."""

from dataclasses import dataclass

import cv2
import numpy as np

from .head import COLUMNS_A_RADIAN, ROWS_A_UNIT, TOP

_FAR, _STEP, _HALVINGS = -1.4, 0.12, 4


@dataclass
class Seen:
    """Maps of the picture's size; where a ray misses, what it passed most closely."""

    theta: np.ndarray
    y: np.ndarray
    radius: np.ndarray  # distance of that point from the head's axis in units
    depth: np.ndarray  # units towards the viewer
    gap: np.ndarray  # distance of the ray from the surface in units, negative inside: zero is the outline
    column: np.ndarray  # of the head's tables
    row: np.ndarray

    def sample(self, table) -> np.ndarray:
        return cv2.remap(table, self.column, self.row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _lookup(table, theta, y):
    shape = theta.shape
    column = ((theta + np.float32(np.pi)) * np.float32(COLUMNS_A_RADIAN)).reshape(-1, shape[-1])
    row = ((y - np.float32(TOP)) * np.float32(ROWS_A_UNIT)).reshape(-1, shape[-1])
    return cv2.remap(table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(shape)


def _unbend(x, y, z, bend):
    """Hair below the chin hangs down, however the head is held: undo that, so that the table is upright."""
    if bend is None:
        return x, z
    below = np.maximum(y - np.float32(1.65), 0)
    return x - np.float32(bend[0]) * below, z - np.float32(bend[1]) * below


def _polar(x, z):
    theta = np.empty(x.shape, np.float32)
    radius = np.empty(x.shape, np.float32)
    flat = (-1, x.shape[-1])
    cv2.cartToPolar(z.reshape(flat), x.reshape(flat), radius.reshape(flat), theta.reshape(flat))
    theta[theta > np.pi] -= np.float32(2 * np.pi)
    return radius, theta


def march(pose, radius_table, bend=None) -> Seen:
    """Step along all rays from the viewer; where the surface is crossed, halve the last step a few times, then
    take the crossing by the secant: walls of hair stay sharp and skin stays smooth."""

    def meet(depth):
        x, y, z = pose.ray_points(depth)
        x, z = _unbend(x, y, z, bend)
        radius, theta = _polar(x, z)
        return theta, y, radius, radius - _lookup(radius_table, theta, y)

    near = max(1.7, float(radius_table.max()))  # large hair reaches far forward when the head is turned
    steps = np.linspace(near, _FAR, int(np.ceil((near - _FAR) / _STEP)) + 1, dtype=np.float32)
    gap = meet(steps[:, None, None])[3]
    inside = gap < 0
    hit = inside.any(0)
    last = np.where(hit, np.argmax(inside, axis=0), np.argmin(gap, axis=0))
    first = np.where(hit, np.maximum(last - 1, 0), last)
    rows, columns = np.indices(hit.shape)
    depth, outside = steps[last], steps[first]
    gap_in, gap_out = gap[last, rows, columns], gap[first, rows, columns]
    for _ in range(_HALVINGS):
        middle = (depth + outside) * np.float32(0.5)
        found = meet(middle)[3]
        within = found < 0
        depth, gap_in = np.where(within, middle, depth), np.where(within, found, gap_in)
        outside, gap_out = np.where(within, outside, middle), np.where(within, gap_out, found)
    along = np.clip(gap_out / np.maximum(gap_out - gap_in, 1e-6), 0, 1)
    depth = np.where(hit, outside + along * (depth - outside), steps[last])
    theta, y, radius, _ = meet(depth)

    # A gap along the radius, made a distance by the surface's slope.
    slope_y = cv2.Sobel(radius_table, cv2.CV_32F, 0, 1, ksize=3, scale=ROWS_A_UNIT / 8)
    slope_theta = cv2.Sobel(radius_table, cv2.CV_32F, 1, 0, ksize=3, scale=COLUMNS_A_RADIAN / 8)
    upright = 1 / np.sqrt(1 + np.minimum(slope_y**2 + slope_theta**2, 25))
    least = gap.min(0) * _lookup(upright, theta, y)

    theta, y, radius, depth, least = (pose.enlarge(v) for v in (theta, y, radius, depth, least))
    return Seen(
        theta,
        y,
        radius,
        depth,
        least,
        (theta + np.float32(np.pi)) * np.float32(COLUMNS_A_RADIAN),
        (y - np.float32(TOP)) * np.float32(ROWS_A_UNIT),
    )
