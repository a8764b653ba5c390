"""What a face does: how lids, brows, cheeks, mouth and jaw move together when it laughs, talks, frowns or sleeps."""

import numpy as np

from .chance import happens, weighted

SHARES = dict(
    calm=0.2,
    smile=0.12,
    grin=0.2,
    laugh=0.12,
    talk=0.12,
    shout=0.06,
    sleep=0.05,
    lowered=0.03,
    squint=0.03,
    frown=0.03,
    pout=0.02,
    wink=0.02,
)


class Expression:
    """Lengths are in units of the head, shares in 0 .. 1."""

    def __init__(self, rng):
        self.kind = weighted(rng, SHARES)
        self.lids = np.ones(2)  # how open the left and right eye are, of what they open at rest; more when wide
        self.squeeze = 0.0  # how much cheeks and brows press on the eyes
        self.brows = rng.normal(0, 0.02)  # raised by
        self.knit = max(0.0, rng.normal(0, 0.15))  # how much brows are drawn together
        self.look_down = 0.0  # of the irises
        self.opening = 0.0  # between the lips
        self.upward = 0.3  # share of the opening that lies above the corners
        self.round = 0.0  # from a leaf to an O
        self.smile = rng.normal(0.0, 0.03)  # corners raised by
        self.skew = rng.normal(0, 0.008)  # one corner above the other by
        self.spread = 1.0  # of the mouth's width
        self.pucker = 0.0  # lips pushed forward
        self.upper_teeth = self.lower_teeth = 0.0  # what the lips leave to be seen of each row
        self.tongue = False
        getattr(self, "_" + self.kind)(rng)
        if self.kind not in ("sleep", "lowered", "wink") and happens(rng, 0.03):  # a blink
            self.lids[:] = rng.uniform(0, 0.25)

    @property
    def jaw(self) -> float:
        """How far the chin sinks."""
        return max(0.0, 0.72 * self.opening - 0.05)

    def lid(self, side: int) -> float:
        """How open the left (-1) or right (1) eye is."""
        return float(self.lids[0 if side < 0 else 1])

    def _calm(self, rng):
        if happens(rng, 0.3):
            self._part(rng, rng.uniform(0.02, 0.07))

    def _smile(self, rng):
        self.smile, self.spread = rng.uniform(0.03, 0.1), rng.uniform(1.05, 1.18)
        self.squeeze = rng.uniform(0, 0.4)
        self.lids[:] = rng.uniform(0.75, 1)
        if happens(rng, 0.3):
            self._part(rng, rng.uniform(0.02, 0.06))

    def _grin(self, rng):
        """A broad smile: the upper row fills most of the opening."""
        self.smile, self.spread = rng.uniform(0.08, 0.17), rng.uniform(1.12, 1.38)
        self.squeeze = rng.uniform(0.1, 0.7)
        self.lids[:] = rng.uniform(0.55, 1)
        self.opening, self.upward = rng.uniform(0.07, 0.2), rng.uniform(0.2, 0.4)
        self.upper_teeth = self.opening * rng.uniform(0.75, 1.2)
        self.lower_teeth = self.opening * 0.35 if happens(rng, 0.12) else 0.0
        self.skew += rng.normal(0, 0.012)

    def _laugh(self, rng):
        """The mouth wide open, eyes squeezed to slits or shut."""
        self.smile, self.spread = rng.uniform(0.08, 0.16), rng.uniform(1.08, 1.3)
        self.squeeze = rng.uniform(0.6, 1.0)
        self.lids[:] = 0 if happens(rng, 0.35) else rng.uniform(0.15, 0.6)
        self.opening, self.upward = rng.uniform(0.2, 0.5), rng.uniform(0.12, 0.28)
        self.round = rng.uniform(0, 0.5)
        self.upper_teeth = rng.uniform(0.09, 0.2)
        self.lower_teeth = rng.uniform(0.03, 0.1) if happens(rng, 0.4) else 0.0
        self.tongue = happens(rng, 0.75)
        self.brows += rng.uniform(-0.02, 0.06)

    def _talk(self, rng):
        self._part(rng, rng.uniform(0.04, 0.24))
        self.round, self.pucker = rng.uniform(0, 1), rng.uniform(0, 0.6)
        self.spread = rng.uniform(0.6, 1.1)
        self.skew += rng.normal(0, 0.015)
        self.upward = rng.uniform(0.15, 0.6)
        self.lids[:] = rng.uniform(0.6, 1.1)
        self.brows += rng.uniform(-0.02, 0.05)

    def _shout(self, rng):
        """Shouting, yawning or surprised: the mouth an O."""
        self.opening, self.upward = rng.uniform(0.28, 0.68), rng.uniform(0.15, 0.3)
        self.round, self.spread = rng.uniform(0.4, 1), rng.uniform(0.62, 1.05)
        self.smile = rng.uniform(-0.05, 0.03)
        self.upper_teeth = rng.uniform(0.03, 0.13) if happens(rng, 0.75) else 0.0
        self.lower_teeth = rng.uniform(0.03, 0.1) if happens(rng, 0.5) else 0.0
        self.tongue = happens(rng, 0.7)
        if happens(rng, 0.55):
            self.lids[:], self.brows = rng.uniform(1.1, 1.6), rng.uniform(0.03, 0.12)
        else:
            self.squeeze, self.knit = rng.uniform(0.4, 1), rng.uniform(0, 1)
            self.lids[:] = rng.uniform(0, 0.7)

    def _sleep(self, rng):
        self.lids[:] = 0
        if happens(rng, 0.25):
            self._part(rng, rng.uniform(0.02, 0.12))

    def _lowered(self, rng):
        """Looking down, at a book or a child."""
        self.lids[:], self.look_down = rng.uniform(0.1, 0.45), rng.uniform(0.02, 0.06)
        if happens(rng, 0.3):
            self._grin(rng)
            self.lids[:] = rng.uniform(0.05, 0.35)

    def _squint(self, rng):
        self.squeeze, self.knit = rng.uniform(0.4, 1), rng.uniform(0, 0.7)
        self.lids[:] = rng.uniform(0.2, 0.5)
        if happens(rng, 0.4):
            self.opening, self.spread = rng.uniform(0.03, 0.1), rng.uniform(1, 1.25)
            self.upper_teeth, self.lower_teeth = self.opening, self.opening * rng.uniform(0, 0.4)

    def _frown(self, rng):
        self.knit, self.smile = rng.uniform(0.5, 1), rng.uniform(-0.08, -0.02)
        self.lids[:] = rng.uniform(0.6, 0.9)
        self.brows -= rng.uniform(0, 0.03)

    def _pout(self, rng):
        """Lips pushed forward, for a kiss or a whistle."""
        self.pucker, self.spread = rng.uniform(0.6, 1), rng.uniform(0.5, 0.75)
        self.smile = rng.uniform(-0.04, 0)
        if happens(rng, 0.4):
            self.opening, self.round = rng.uniform(0.02, 0.07), 1.0
        if happens(rng, 0.3):
            self.lids[:] = 0

    def _wink(self, rng):
        (self._grin if happens(rng, 0.6) else self._smile)(rng)
        self.lids[int(rng.integers(2))] = 0

    def _part(self, rng, opening):
        """Lips parted, teeth or not."""
        self.opening = opening
        self.upper_teeth = rng.uniform(0.3, 0.9) * opening if happens(rng, 0.7) else 0.0
        self.lower_teeth = rng.uniform(0.1, 0.4) * opening if happens(rng, 0.25) else 0.0
        self.tongue = happens(rng, 0.4)
