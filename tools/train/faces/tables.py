"""Masks and shells over the head's table: how hair, hats and long beards enlarge the head."""

import cv2
import numpy as np

from . import paint
from .head import COLUMNS_A_RADIAN, ROWS_A_UNIT, THETA, TOP, Y

SHAPE = (len(Y), len(THETA))


def region(*outlines, soft: float = 1.0) -> np.ndarray:
    """float mask, 0 .. 1, of polygons of (angle, height); its edge is softened by `soft` cells of the table."""
    scaled = [
        np.stack([(o[:, 0] + np.pi) * COLUMNS_A_RADIAN, (o[:, 1] - TOP) * ROWS_A_UNIT], 1)
        for o in (np.asarray(o, np.float64) for o in outlines)
    ]
    return cv2.GaussianBlur(paint.polygon(SHAPE, *scaled), (0, 0), soft).astype(np.float32) / 255


def curve(angles, heights) -> np.ndarray:
    """A height for each angle of the table, even in the angle: interpolated between points given for angles >= 0."""
    return np.interp(np.abs(THETA), angles, heights).astype(np.float32)


def above(heights, soft: float = 1.0) -> np.ndarray:
    """float mask of what lies above a height given for each angle."""
    edge = (heights[None] - Y[:, None]) * ROWS_A_UNIT
    return np.clip(edge / (2 * soft) + 0.5, 0, 1).astype(np.float32)


def shell(head, over_top: float, over_side: float, lowest: float = 0.3, flare: float = 0.0, hem=None) -> np.ndarray:
    """The plain head grown by `over_top` units at the crown and `over_side` at the sides; below the height `lowest`
    it goes straight down, widening by `flare` a unit; towards the height `hem` it is rounded off."""
    pivot = -0.5
    squeeze = (pivot - head.top) / (pivot - head.top + over_top)
    source = np.where(Y < pivot, pivot + (Y - pivot) * squeeze, np.minimum(Y, lowest))
    rows = np.clip((source - TOP) * ROWS_A_UNIT, 0, len(Y) - 1)
    low = np.floor(rows).astype(int)
    share = (rows - low)[:, None].astype(np.float32)
    grown = head.plain[low] * (1 - share) + head.plain[np.minimum(low + 1, len(Y) - 1)] * share
    over = np.interp(Y, [-1.4, 0.0], [over_top, over_side]).astype(np.float32)[:, None]
    if hem is not None:
        over = over * np.sqrt(np.clip((np.float32(hem) - Y) / 1.2, 0.01, 1))[:, None]
    grown = grown + over * np.clip(grown / 0.7, 0, 1)
    return (grown * (1 + flare * np.maximum(Y - lowest, 0))[:, None]).astype(np.float32)


def cover(radius, mask, outer) -> np.ndarray:
    """A table of radii with another one over it where a mask says; its wall stands inside the mask's edge, so that
    the wall is seen as what covers, not as what is covered."""
    inner = np.clip(2 * mask - 1, 0, 1)
    return (radius + inner * (np.maximum(outer, radius) - radius)).astype(np.float32)
