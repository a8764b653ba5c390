"""The face painted flat: colour, label, gloss and fine relief over angle and height, to be wrapped on the head."""

import cv2
import numpy as np

from . import labels, paint

TOP, BOTTOM, SIDE = -1.9, 2.1, 1.75  # units, units, radians


class Sheet:
    def __init__(self, head, size: int, skin):
        self.head = head
        self.unit = 80 * size / 256  # pixels a unit of height; a radian has 1.25 times as many, as the face's front has
        self.shape = (int((BOTTOM - TOP) * self.unit), int(2 * SIDE * 1.25 * self.unit))
        self.colour = np.empty((*self.shape, 3), np.float32)
        self.colour[:] = skin
        self.skin = np.asarray(skin, np.float32)
        self.label = np.full(self.shape, labels.SKIN, np.uint8)
        self.gloss = np.zeros(self.shape, np.float32)
        self.beard = np.zeros(self.shape, np.float32)  # how dense it grows, 0 .. 1
        self.relief = np.zeros(self.shape, np.float32)  # units outwards, over the head's own surface
        rows, columns = np.indices(self.shape, dtype=np.float32)
        self.theta = columns / (1.25 * self.unit) - SIDE
        self.y = rows / self.unit + TOP
        self.x = np.float32(head.front(0)) * np.sin(self.theta)  # roughly: for soft shading of the colour only

    def pixels(self, points) -> np.ndarray:
        """Frontal points [N, 2] in units -> pixels of the sheet."""
        points = np.asarray(points, np.float64)
        return np.stack([(self.head.theta(points) + SIDE) * 1.25 * self.unit, (points[:, 1] - TOP) * self.unit], 1)

    def mask(self, outline, rounds: int = 0):
        """Mask of a polygon of frontal points; `rounds` smooth it."""
        outline = paint.smooth(outline, rounds) if rounds else outline
        return paint.polygon(self.shape, self.pixels(outline))

    def line(self, points, width: float, rounds: int = 2, value: int = 255, mask=None):
        """Mask of a curve through frontal points, `width` in units."""
        mask = np.zeros(self.shape, np.uint8) if mask is None else mask
        return paint.line(mask, self.pixels(paint.smooth(points, rounds, closed=False)), width * self.unit, value)

    def segments(self, starts, ends, width: float):
        """Mask of straight strokes, `width` in units."""
        pairs = zip(self.pixels(starts), self.pixels(ends))
        return paint.lines(np.zeros(self.shape, np.uint8), list(pairs), width * self.unit)

    def fill(self, mask, colour=None, strength=1.0, label=None, soft=0.0) -> None:
        """Paint under a mask, its edge softened by `soft` units; the label's edge stays the mask's."""
        area = paint.box(mask)
        if area is None:
            return
        if label is not None:
            self.label[area][mask[area] > 127] = label
        if colour is not None:
            paint.blend(self.colour, self.softened(mask, soft), colour, strength)

    def softened(self, mask, soft: float):
        """The mask blurred by `soft` units, computed around it only."""
        sigma = soft * self.unit
        area = paint.box(mask)
        if sigma < 0.3 or area is None:
            return mask
        margin = int(3 * sigma) + 1
        around = tuple(slice(max(0, s.start - margin), s.stop + margin) for s in area)
        out = np.zeros_like(mask)
        out[around] = cv2.GaussianBlur(mask[around], (0, 0), sigma)
        return out

    def raise_(self, mask, height: float, soft: float) -> None:
        """Lift (or sink) the relief under a mask by `height` units, softened by `soft` units."""
        mask = self.softened(mask, soft)
        area = paint.box(mask)
        if area is not None:
            self.relief[area] += mask[area].astype(np.float32) * (height / 255)

    def wrap(self, seen):
        """Colour, label, gloss, relief and beard as the picture's pixels see them."""
        columns = (seen.theta + np.float32(SIDE)) * np.float32(1.25 * self.unit)
        rows = (seen.y - np.float32(TOP)) * np.float32(self.unit)
        near, at = cv2.INTER_NEAREST, cv2.INTER_LINEAR
        edge = cv2.BORDER_REPLICATE
        return (
            cv2.remap(self.colour, columns, rows, at, borderMode=edge),
            cv2.remap(self.label, columns, rows, near, borderMode=edge),
            *(cv2.remap(layer, columns, rows, at, borderMode=edge) for layer in (self.gloss, self.relief, self.beard)),
        )
