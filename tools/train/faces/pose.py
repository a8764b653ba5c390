"""Where the head is and how it is turned; rays of the picture's pixels in the head's frame.

Head frame, in units of half the face's width: x to the right of the picture, y down, z towards the viewer; the
origin lies on the head's axis at the height of the eyes.
"""

import math

import cv2
import numpy as np

from .chance import happens, weighted


def _rotation(yaw, pitch, roll):
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


class Pose:
    """Weak perspective: a point q of the camera's frame lands on q.xy unit (1 + q.z / distance) + shift."""

    def __init__(self, rng, size: int):
        self.size = size
        turn = weighted(rng, {"front": 0.61, "half": 0.26, "profile": 0.13})
        self.yaw = np.clip(rng.normal(0, 0.17), -0.4, 0.4)
        if turn != "front":
            self.yaw = rng.choice([-1, 1]) * (rng.uniform(0.36, 0.87) if turn == "half" else rng.uniform(0.87, 1.31))
        self.pitch = rng.uniform(-0.5, 0.5) if happens(rng, 0.15) else np.clip(rng.normal(0.02, 0.13), -0.4, 0.4)
        self.roll = rng.uniform(-0.6, 0.6) if happens(rng, 0.1) else np.clip(rng.normal(0, 0.09), -0.35, 0.35)
        close, jitter = np.clip(rng.normal(-0.01, 0.18), -0.55, 0.4), np.clip(rng.normal(0, 0.05, 2), -0.16, 0.16)
        if happens(rng, 0.1):  # badly framed: too close, too far, cut off
            close, jitter = rng.uniform(-0.85, 0.75), np.clip(rng.normal(0, 0.12, 2), -0.3, 0.3)
        self.unit = 68 / 256 * size * math.exp(close)  # pixels a unit
        self.distance = math.exp(rng.uniform(math.log(4.5), math.log(25)))  # of the camera, in units: 5 is a selfie
        self.rotation = _rotation(self.yaw, self.pitch, self.roll)
        self.shift = np.zeros(2)
        eyes = self.project([[0, 0.05, 0.6]])[0]
        self.shift = size * (np.array([0.5, 0.475]) + jitter) - eyes
        self._make_rays()

    @property
    def down(self) -> np.ndarray:
        """Where things hang, in the head's frame: the change of (x, z) as y grows by 1."""
        gravity = self.rotation[1]  # the transposed rotation times (0, 1, 0)
        return np.array([gravity[0], gravity[2]]) / max(gravity[1], 0.5)

    def project(self, points) -> np.ndarray:
        """Head frame [N, 3] -> pixels [N, 2]."""
        q = np.asarray(points, np.float64) @ self.rotation.T
        return q[:, :2] * self.unit * (1 + q[:, 2:] / self.distance) + self.shift

    def depth(self, points) -> np.ndarray:
        """Nearness to the viewer of points [N, 3], in units."""
        return np.asarray(points, np.float64) @ self.rotation[2]

    def _make_rays(self):
        # One ray for each 2 x 2 pixels, through their middle: cv2.resize then brings maps to the full size.
        at = (np.arange(self.size // 2) * 2 + 0.5)[None].astype(np.float32)
        self.ray_x = ((at - self.shift[0]) / self.unit).astype(np.float32)
        self.ray_y = ((at.T - self.shift[1]) / self.unit).astype(np.float32)

    def ray_points(self, depth, rows=slice(None), columns=slice(None)):
        """x, y, z in the head's frame of the rays' points at a depth (which broadcasts with [rows, columns])."""
        shrink = 1 / np.maximum(1 + depth / np.float32(self.distance), np.float32(0.05))  # behind the camera: far away
        qx, qy = self.ray_x[:, columns] * shrink, self.ray_y[rows] * shrink
        r = self.rotation.astype(np.float32)
        return tuple(r[0, i] * qx + r[1, i] * qy + r[2, i] * depth for i in range(3))

    def meet_plane(self, point, normal):
        """x, y, z and depth of each ray's crossing of a plane of the head's frame (maps to enlarge)."""
        m = (self.rotation @ np.asarray(normal, np.float64)).tolist()
        c = float(np.dot(point, normal))
        a, b, constant = m[2] / self.distance, m[2] - c / self.distance, m[0] * self.ray_x + m[1] * self.ray_y - c
        root = np.sqrt(np.maximum(b * b - 4 * a * constant, 1e-6))
        depth = (-2 * constant / (b + np.copysign(root, b) + np.copysign(1e-6, b))).astype(np.float32)
        depth = np.clip(depth, -6, 6)
        return (*self.ray_points(depth), depth)

    def enlarge(self, values) -> np.ndarray:
        return cv2.resize(values, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
