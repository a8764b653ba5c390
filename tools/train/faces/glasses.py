"""Glasses: lenses on a plane before the eyes, arms along the sides; depth decides what nose and hair hide."""

import cv2
import numpy as np

from . import labels, paint
from .chance import colour, happens, pick
from .labels import L_BROW, L_EYE, R_BROW, R_EYE

_CLEAR_KEEPS = (L_BROW, R_BROW, L_EYE, R_EYE)  # labelled as themselves behind clear glass


def put_glasses(rng, canvas, pose, head, bank) -> None:
    sun = happens(rng, 0.3)
    half_width, half_height = rng.uniform(0.27, 0.37), rng.uniform(0.17, 0.31)
    power, drop = pick(rng, (2, 2.6, 4)), rng.uniform(0.0, 0.1)
    thick = rng.uniform(0.012, 0.06)
    rim = colour(rng, 0, 0.6) if happens(rng, 0.5) else np.full(3, 0.05, np.float32)
    front = float(head.front(0)) + rng.uniform(0.06, 0.16)
    slant = rng.uniform(0, 0.15)
    x, y, _, depth = map(pose.enlarge, pose.meet_plane(np.array([0, 0, front]), np.array([0, slant, 1.0])))
    inset = head.eye_x + 0.02
    across = (np.abs(x) - inset) / half_width
    down = (y - drop) / half_height
    form = (np.abs(across) ** power + np.abs(down) ** power) ** (1 / power)  # 1 on the rim
    edge = (form - 1) * min(half_width, half_height)
    pixel = 1 / pose.unit
    lens = np.clip(0.5 - edge / pixel, 0, 1)
    frame = np.clip(0.5 + (thick / 2 - np.abs(edge)) / pixel, 0, 1)
    if happens(rng, 0.15):
        frame[y > drop - 0.02] = 0  # half rims
    bridge_y = drop - rng.uniform(0.02, 0.12)
    bridge = np.clip(0.5 + (thick / 2 - np.abs(y - bridge_y + 0.3 * (inset - half_width - np.abs(x)))) / pixel, 0, 1)
    bridge *= np.abs(x) < inset - half_width * 0.9
    frame = np.maximum(frame, bridge)
    seen = depth > canvas.depth - 0.02
    shadow = paint.blur((np.maximum(frame, 0.6 * lens * sun) * 255).astype(np.uint8), 0.05 * pose.unit)
    shadow[~np.isin(canvas.label, labels.FACE)] = 0
    canvas.tint(shadow, (0, 0, 0), rng.uniform(0.1, 0.35))
    _arms(rng, canvas, pose, head, front, drop, inset + half_width, thick, rim)
    _lenses(rng, canvas, lens * seen, bank, sun)
    canvas.put(frame * seen, rim, labels.GLASSES, gloss=rng.uniform(0, 0.5))


def _lenses(rng, canvas, lens, bank, sun):
    keep = np.isin(canvas.label, _CLEAR_KEEPS)
    before = canvas.label.copy()
    size = canvas.size
    if sun:
        glow = 0.15 * np.clip(bank.patch(rng, "fractal", size), 0, 2)[..., None]
        canvas.put(
            lens, np.clip(colour(rng, 0, 0.3) + glow, 0, 1), labels.GLASSES, gloss=0.6, strength=rng.uniform(0.75, 1)
        )
        return
    canvas.put(
        lens,
        np.clip(colour(rng, 0.5, 1), 0, 1),
        labels.GLASSES,
        gloss=rng.uniform(0, 0.3),
        strength=rng.uniform(0, 0.18) if happens(rng, 0.8) else rng.uniform(0.2, 0.4),
    )
    canvas.label[keep] = before[keep]
    if happens(rng, 0.4):
        slope, at = rng.uniform(-1, 1), rng.uniform(0, size)
        streak = np.abs(np.arange(size)[None] + slope * np.arange(size)[:, None] - at) % rng.uniform(
            60, 140
        ) < rng.uniform(4, 24)
        mask = (lens * streak * 255).astype(np.uint8)
        canvas.tint(cv2.GaussianBlur(mask, (0, 0), 1), (1.4, 1.4, 1.4), rng.uniform(0.1, 0.6))


def _arms(rng, canvas, pose, head, front, drop, outer, thick, rim):
    pixel = 1 / pose.unit
    height = drop - rng.uniform(0.02, 0.12)
    for side in (-1, 1):
        wide = max(float(head.width(0)) + 0.04, outer)
        away = np.array([side * (wide - outer) / front, 0, 0])  # arms open a little towards the ears
        normal = np.array([side, 0, abs(away[0])])
        _, y, z, depth = map(pose.enlarge, pose.meet_plane(np.array([side * outer, 0, front]), normal))
        arm = np.clip(0.5 + (thick / 2 - np.abs(y - height)) / pixel, 0, 1)
        arm *= (z < front) & (z > -0.15) & (depth > canvas.depth - 0.01)
        if abs(pose.rotation[2] @ normal) > 0.05:
            canvas.put(arm, rim, labels.GLASSES, gloss=0.2)
