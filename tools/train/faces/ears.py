"""Ears: each a small painted plate that leans away from the head, met by the rays and tested against its depth."""

import cv2
import numpy as np

from . import labels, paint

_HEIGHT, _WIDTH, _SCALE = 144, 112, 100  # of the plate, in pixels; pixels a unit


class Ear:
    """One side's ear; lobe is where an earring hangs, in the head's frame."""

    def __init__(self, rng, head, side: int, flat: bool, like=None):
        self.side = side
        self.size, self.lean = rng.uniform(0.72, 1.02), rng.uniform(0.25, 0.9) * (0.4 if flat else 1)
        back = rng.uniform(-0.2, -0.02)
        if like is not None:  # the other ear
            self.size, self.lean, back = like.size, like.lean, like.root[2]
        self.outward = np.array(
            [side * np.sin(self.lean), 0, -np.cos(self.lean)]
        )  # along the plate, away from the face
        self.root = np.array([side * (head.width(0.2) - 0.03), 0.17, back])
        self.lobe = self.root + self.outward * 0.12 * self.size + [0, 0.4 * self.size, 0]

    def put(self, rng, canvas, pose, person, head_depth) -> None:
        mask, shade, relief = _plate(rng, self.size)
        normal = np.array([self.side * np.cos(self.lean), 0, np.sin(self.lean)])
        x, y, z, depth = pose.meet_plane(self.root, normal)
        along = (x - float(self.root[0])) * float(self.outward[0]) + (z - float(self.root[2])) * float(self.outward[2])
        columns = pose.enlarge(along * _SCALE + 24)
        rows = pose.enlarge((y - float(self.root[1])) * _SCALE + _HEIGHT / 2)
        depth = pose.enlarge(depth)
        mask, shade, relief = (
            cv2.remap(m, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) for m in (mask, shade, relief)
        )
        if abs(pose.rotation[2] @ normal) < 0.08:  # seen edge on
            return
        mask[depth < head_depth - 0.02] = 0
        red = np.array([1.0, rng.uniform(0.82, 1), rng.uniform(0.8, 1)], np.float32)
        tone = person.skin * red * np.float32(rng.uniform(0.85, 1.02))
        area = paint.box(mask)
        if area is None:
            return
        colour = np.zeros_like(canvas.colour)
        colour[area] = tone * (1 - shade[area][..., None] * np.float32([0.0022, 0.0025, 0.0027]))
        canvas.put(mask, colour, labels.L_EAR if self.side < 0 else labels.R_EAR, depth + relief, 0.08)


def _plate(rng, size):
    """Mask, dark hollows (uint8 both) and relief in units of an ear whose front edge is at column 24."""
    centre = np.array([24, _HEIGHT / 2])
    stretch = np.array([0.52, 0.92]) * size * _SCALE
    outline = np.array(
        [
            [-0.25, -0.3],
            [0, -0.45],
            [0.4, -0.52],
            [0.8, -0.4],
            [0.92, -0.1],
            [0.75, 0.18],
            [0.5, 0.36],
            [0.25, 0.5],
            [0, 0.46],
            [-0.2, 0.3],
            [-0.3, 0],
        ]
    ) + rng.normal(0, 0.025, (11, 2))
    outline = paint.smooth(centre + outline * stretch, 2)
    mask = paint.polygon((_HEIGHT, _WIDTH), outline)
    middle = centre + np.array([0.32, -0.02]) * stretch
    hollow = np.zeros_like(mask)
    fold = middle + (outline - middle) * [0.72, 0.76]
    paint.line(hollow, fold[: int(len(fold) * 0.75)], 5, value=170)
    bowl = middle + (np.array([[-0.22, -0.1], [0.1, -0.22], [0.22, 0.02], [0.08, 0.2], [-0.15, 0.16]])) * stretch
    cv2.fillPoly(hollow, [paint.smooth(bowl, 2).astype(np.int32)], 230)
    hollow = cv2.min(cv2.GaussianBlur(hollow, (0, 0), rng.uniform(2, 4)), mask)
    strength = rng.uniform(0.35, 1.0)
    relief = cv2.GaussianBlur(mask, (0, 0), 4).astype(np.float32) / 255 * 0.06 - hollow.astype(np.float32) / 255 * 0.05
    return mask, (hollow * strength).astype(np.uint8), relief
