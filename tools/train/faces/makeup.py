"""Make-up on the sheet's skin, under eyes and lips that are painted later: rouge and eye shadow."""

import cv2
import numpy as np

from .chance import colour, happens
from .head import twin_bumps


def paint_makeup(rng, sheet, person) -> None:
    if not person.made_up:
        return
    head, small = sheet.head, 4
    x, y = sheet.x[::small, ::small], sheet.y[::small, ::small]
    if happens(rng, 0.7):  # up to the brow or on the lid only, of any colour
        high = rng.uniform(0.05, 0.1)
        shadow = np.minimum(1, 1.3 * twin_bumps(x, y, head.eye_x + rng.uniform(0, 0.06), -high, 0.17, high))
        tone = colour(rng, 0.05, 0.8) if happens(rng, 0.4) else sheet.skin * rng.uniform(0.2, 0.7) * [1, 0.85, 0.85]
        _lay(sheet, shadow * rng.uniform(0.2, 0.85), tone)
    if happens(rng, 0.4):
        rouge = twin_bumps(x, y, rng.uniform(0.5, 0.65), rng.uniform(0.3, 0.5), 0.2, 0.12)
        _lay(sheet, rouge * rng.uniform(0.1, 0.4), sheet.skin * [1.05, 0.55, 0.6])


def _lay(sheet, share, tone):
    share = cv2.resize(share.astype(np.float32), sheet.shape[::-1])[..., None]
    sheet.colour += share * (np.asarray(tone, np.float32) - sheet.colour)
