"""The head's surface: a radius around the head's axis for each angle and height, and where the features sit on it.

Angle 0 is the middle of the face, positive to the right of the picture. Whatever makes the head larger (hair, hats,
long beards) is a second surface over this one, in a table of the same layout.
"""

import cv2
import numpy as np

# Table layout: rows are heights from TOP to BOTTOM in units, columns are angles from -pi to pi.
ROWS_A_UNIT, TOP, BOTTOM = 40, -3.0, 3.6
Y = np.arange(TOP, BOTTOM, 1 / ROWS_A_UNIT, dtype=np.float32)
THETA = np.linspace(-np.pi, np.pi, 320, dtype=np.float32)
COLUMNS_A_RADIAN = (len(THETA) - 1) / (2 * np.pi)

# A plain head: half width, depth of the face and depth of the back of the head at some heights.
_HEIGHTS = np.array([-1.56, -1.48, -1.28, -0.90, -0.35, 0, 0.5, 0.9, 1.2, 1.42, 1.54, 1.60])
_WIDTHS = np.array([0.02, 0.42, 0.74, 0.97, 1.05, 1.02, 0.95, 0.86, 0.74, 0.57, 0.42, 0.27])
_FRONT = np.array([0.02, 0.46, 0.82, 1.12, 1.25, 1.17, 1.19, 1.21, 1.20, 1.19, 1.10, 0.95])
_BACK = np.array([0.02, 0.50, 0.85, 1.15, 1.32, 1.30, 1.10, 0.90, 0.75, 0.65, 0.60, 0.55])


def bump(grid_x, grid_y, x, y, spread_x, spread_y):
    """A Gaussian hill of height 1."""
    return np.exp(-0.5 * (((grid_x - x) / spread_x) ** 2 + ((grid_y - y) / spread_y) ** 2))


def twin_bumps(grid_x, grid_y, x, y, spread_x, spread_y):
    return bump(grid_x, grid_y, x, y, spread_x, spread_y) + bump(grid_x, grid_y, -x, y, spread_x, spread_y)


class Head:
    def __init__(self, rng, person, expression):
        self.person, self.expression = person, expression
        child = person.child
        jaw, chin = rng.normal(1.02 if person.masculine else 0.97, 0.06) + 0.07 * person.heavy, rng.normal(1, 0.1)
        widen = np.interp(_HEIGHTS, [-1.6, 0, 0.9, 1.3, 1.62], [rng.normal(1, 0.03), 1, (1 + jaw) / 2, jaw, chin])
        self.long = rng.normal(0.88 if child else 1.0, 0.05)  # stretch of the lower face
        heights = np.where(_HEIGHTS > 0, _HEIGHTS * self.long, _HEIGHTS)
        heights += expression.jaw * np.interp(_HEIGHTS, [0.7, 1.4], [0, 1])
        widths = _WIDTHS * widen * rng.normal(1.0, 0.04)
        slope = rng.normal(1, 0.04), rng.normal(1, 0.04)  # of the forehead, of the chin
        front = _FRONT * rng.normal(1, 0.03)
        front *= np.interp(_HEIGHTS, [-1.5, -0.9, -0.3, 0.9, 1.42], [1, slope[0], 1, 1, slope[1]])
        back = _BACK * rng.normal(1, 0.06)
        self.top, self.bottom = float(heights[0]), float(heights[-1])
        soften = np.ones(5) / 5
        inside = (Y >= self.top) & (Y <= self.bottom)
        self._width, self._front, self._back = (
            np.where(inside, np.maximum(np.convolve(np.interp(Y, heights, v), soften, "same"), 0.02), 0.02).astype(
                np.float32
            )
            for v in (widths, front, back)
        )
        # features, in units on the face's frontal plane
        self.eye_x, self.nose_y = rng.normal(0.44, 0.022), rng.normal(0.62, 0.035) * self.long
        self.mouth_y, self.chin_y = rng.normal(1.01, 0.03) * self.long, 1.45 * self.long + expression.jaw
        self.nose_width = max(0.16, rng.normal(0.21 + 0.04 * person.darkness, 0.03)) * (1 + max(0, expression.smile))
        self.nose_height = rng.uniform(0.14, 0.28) if child else rng.uniform(0.22, 0.42)
        # height of the jaw's corner below the ear
        self.jaw_angle_y = rng.uniform(0.85, 1.1) * self.long + 0.3 * expression.jaw
        self.chin_round = rng.uniform(1.7, 3.2)  # from a pointed to a square jaw
        self.x = self._frontal_x()
        self.plain = self._radius_table()
        self.radius = self.plain + self._relief(rng)

    def width(self, y):
        return np.interp(y, Y, self._width)

    def front(self, y):
        return np.interp(y, Y, self._front)

    def lift(self, points, above: float = 0.0) -> np.ndarray:
        """Frontal points [N, 2] -> points of the plain head [N, 3], `above` units further forward."""
        points = np.asarray(points, np.float64)
        x, y = points[:, 0], points[:, 1]
        across = np.clip(x / np.maximum(self.width(y), 0.05), -1, 1)
        return np.stack([x, y, self.front(y) * np.sqrt(1 - across**2) + above], 1)

    def theta(self, points) -> np.ndarray:
        """Angle of frontal points [N, 2] around the head's axis."""
        lifted = self.lift(points)
        return np.arctan2(lifted[:, 0], np.maximum(lifted[:, 2], 1e-3))

    def _ellipse(self, y_rows=slice(None)):
        """Radius of the plain cross-section, for each height and angle."""
        sine, cosine = np.abs(np.sin(THETA))[None], np.cos(THETA)[None]
        width, depth = self._width[y_rows, None], np.where(
            cosine > 0, self._front[y_rows, None], self._back[y_rows, None]
        )
        return (width * depth / np.sqrt((depth * sine) ** 2 + (width * cosine) ** 2)).astype(np.float32)

    def _frontal_x(self):
        return self._ellipse() * np.sin(THETA)[None]

    def _radius_table(self):
        """The plain head; negative above the crown and below the jaw, falling with the distance."""
        radius = self._ellipse()
        toward_ear = np.clip(np.abs(THETA) / np.float32(np.pi / 2), 0, 1)[None]
        jaw = self.bottom + (self.jaw_angle_y - self.bottom) * toward_ear**self.chin_round
        outside = np.maximum(self.top - Y[:, None], Y[:, None] - jaw)
        soft = np.clip(-outside / 0.16, 0, 1)
        rounded = radius * np.sqrt(1 - (1 - soft) ** 2) ** np.where(Y[:, None] > 0, np.float32(0.5), np.float32(0))
        return np.where(outside > 0, -outside, rounded).astype(np.float32)

    def _relief(self, rng):
        """What makes the plain head a face, in units outwards: brow, sockets, nose, cheeks, mouth, chin."""
        first, last = np.searchsorted(Y, [-0.75, 2.1])
        left, right = np.searchsorted(THETA, [-np.pi / 2, np.pi / 2])
        x, y, rows = self.x[first:last, left:right], Y[first:last, None], Y[first:last]
        nose = self.nose_y
        at = y - 0.04 * bump(x, 0, 0, 0, 0.06, 1)  # the tip hangs below the wings
        rise = [rng.uniform(0.15, 0.32), rng.uniform(0.25, 0.55), rng.uniform(0.7, 0.9)]
        heights = [-0.38, -0.15, 0.05, nose - 0.18, nose - 0.06, nose + 0.02, nose + 0.09, nose + 0.15]
        ridge = np.interp(at, heights, [0, *rise, 1, 0.85, 0.3, 0]).astype(np.float32) * self.nose_height
        thin = np.interp(rows, [-0.3, 0.1, nose], [0.11, 0.09, 0.55 * self.nose_width]).astype(np.float32)
        table = ridge * np.exp(-0.5 * (x / thin[:, None]) ** 2)
        table += rng.uniform(0, 0.07) * bump(x, y, 0, nose - 0.03, 0.1, 0.08)
        table += rng.uniform(0.06, 0.13) * twin_bumps(x, y, self.nose_width * 0.75, nose - 0.01, 0.07, 0.08)
        table -= rng.uniform(0.08, 0.16) * twin_bumps(x, y, self.eye_x * 0.95, -0.02, 0.2, 0.12)
        table += rng.uniform(0.03, 0.07) * twin_bumps(x, y, self.eye_x, 0, 0.15, 0.08)
        table += rng.uniform(0.03, 0.10) * twin_bumps(x, y, 0.4, -0.28, 0.25, 0.09)
        table += self._lower_relief(rng, x, y)
        relief = np.zeros_like(self.plain)
        relief[first:last, left:right] = cv2.GaussianBlur(table.astype(np.float32), (0, 0), 1.0)
        return relief

    def _lower_relief(self, rng, x, y):
        """Cheeks, lips and chin, as the expression moves them."""
        face, mouth, chin = self.expression, self.mouth_y, self.chin_y
        upper, lower = mouth - face.opening * face.upward, mouth + face.opening * (1 - face.upward)
        cheek = rng.uniform(0.04, 0.12) + 0.07 * face.squeeze + 0.03 * max(0, self.person.heavy)
        lips = rng.uniform(0.02, 0.06)
        table = cheek * twin_bumps(x, y, 0.52, 0.48 - 0.06 * face.squeeze, 0.22, 0.2)
        table += (rng.uniform(0.04, 0.10) + 0.06 * face.pucker) * bump(x, y, 0, mouth, 0.33, 0.22)
        table += lips * (bump(x, y, 0, upper - 0.04, 0.2, 0.04) + bump(x, y, 0, lower + 0.05, 0.18, 0.045))
        table -= min(0.22, 0.8 * face.opening) * bump(x, y, 0, (upper + lower) / 2, 0.2, 0.02 + 0.28 * face.opening)
        table += rng.uniform(0.06, 0.14) * bump(x, y, 0, chin - 0.04, 0.2, 0.13)
        table -= rng.uniform(0.03, 0.07) * bump(x, y, 0, lower + 0.2, 0.2, 0.06)
        table += (0.06 * self.person.heavy - rng.uniform(0.0, 0.08)) * twin_bumps(x, y, 0.62, 0.95, 0.17, 0.25)
        return table
