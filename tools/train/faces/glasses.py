"""Glasses: a plane before each eye, arms along the sides; depth decides what nose and hair hide."""

import cv2
import numpy as np

from . import labels, paint
from .chance import colour, happens, pick, weighted
from .labels import L_BROW, L_EYE, R_BROW, R_EYE

_CLEAR_KEEPS = (L_BROW, R_BROW, L_EYE, R_EYE)  # labelled as themselves behind clear glass


class _Form:
    """Sizes in units of the head, and what the glasses are made of."""

    def __init__(self, rng, head):
        self.kind = weighted(rng, {"clear": 0.72, "sun": 0.28})
        self.half_width, self.half_height = rng.uniform(0.27, 0.38), rng.uniform(0.15, 0.32)
        self.power = pick(rng, (2, 2.6, 4))  # of the rim's curve: 2 is round
        self.taper = rng.uniform(-0.1, 0.25)  # narrower below
        self.drop = rng.uniform(0.0, 0.1) if happens(rng, 0.85) else rng.uniform(0.15, 0.32)  # pushed down the nose
        style = weighted(rng, {"thin": 0.4, "thick": 0.35, "half": 0.12, "rimless": 0.13})
        self.thick = rng.uniform(0.035, 0.08) if style == "thick" else rng.uniform(0.012, 0.035)
        self.half_rim, self.rim_strength = style == "half", rng.uniform(0.35, 0.7) if style == "rimless" else 1.0
        self.rim = colour(rng, 0, 0.8) if happens(rng, 0.5) else np.full(3, rng.uniform(0.02, 0.1), np.float32)
        self.front = float(head.front(0)) + rng.uniform(0.04, 0.13) + 0.5 * max(0, self.drop - 0.1)
        self.slant, self.wrap = rng.uniform(0, 0.15), rng.uniform(0, 0.3)
        self.inset = head.eye_x + 0.02
        self.bridge_y = self.drop - rng.uniform(0.02, 0.12)


def put_glasses(rng, canvas, pose, head, bank) -> None:
    form = _Form(rng, head)
    sides = [_side(form, pose, side) for side in (-1, 1)]
    lens, frame, depth = (np.where(sides[0][3], a, b) for a, b in zip(sides[0][:3], sides[1][:3]))
    seen = depth > canvas.depth - 0.02
    sun = form.kind == "sun"
    shadow = paint.blur((np.maximum(frame, 0.6 * lens * sun) * 255).astype(np.uint8), 0.05 * pose.unit)
    shadow[~np.isin(canvas.label, labels.FACE)] = 0
    canvas.tint(shadow, (0, 0, 0), rng.uniform(0.05, 0.35) * form.rim_strength)
    _arms(canvas, pose, head, form)
    (_dark if sun else _clear)(rng, canvas, lens * seen, bank)
    canvas.put(frame * seen, form.rim, labels.GLASSES, gloss=rng.uniform(0, 0.5), strength=form.rim_strength)


def _side(form, pose, side):
    """Masks of one lens and its rim, their depth, and where the picture shows that side of the bridge."""
    normal = np.array([side * form.wrap, form.slant, 1.0])
    x, y, _, depth = map(pose.enlarge, pose.meet_plane(np.array([0, 0, form.front]), normal))
    across = (side * x - form.inset) / form.half_width
    down = (y - form.drop) / form.half_height
    across = across / (1 - form.taper * np.clip(down, -1, 1))
    shape = (np.abs(across) ** form.power + np.abs(down) ** form.power) ** (1 / form.power)  # 1 on the rim
    edge = (shape - 1) * min(form.half_width, form.half_height)
    pixel = 1 / pose.unit
    lens = np.clip(0.5 - edge / pixel, 0, 1)
    frame = np.clip(0.5 + (form.thick / 2 - np.abs(edge)) / pixel, 0, 1)
    if form.half_rim:
        frame[y > form.drop - 0.02] = 0
    rise = 0.3 * (form.inset - form.half_width - np.abs(x))
    bridge = np.clip(0.5 + (form.thick / 2 - np.abs(y - form.bridge_y + rise)) / pixel, 0, 1)
    bridge *= np.abs(x) < form.inset - form.half_width * 0.9
    return lens, np.maximum(frame, bridge), depth, side * x > 0


def _dark(rng, canvas, lens, bank):
    """Sunglasses: nearly black or tinted, lighter below, with a reflection of the sky or of clutter."""
    glow = rng.uniform(0.05, 0.3) * np.clip(bank.patch(rng, "fractal", canvas.size), 0, 2)[..., None]
    rows = np.linspace(-1, 1, canvas.size, dtype=np.float32)[:, None, None] * rng.uniform(0, 0.25)
    tone = np.clip(colour(rng, 0, 0.3) + glow + rows, 0, 1)
    canvas.put(lens, tone, labels.GLASSES, gloss=rng.uniform(0.05, 0.4), strength=rng.uniform(0.75, 1))


def _clear(rng, canvas, lens, bank):
    keep = np.isin(canvas.label, _CLEAR_KEEPS)
    before = canvas.label.copy()
    strength = rng.uniform(0, 0.12) if happens(rng, 0.8) else rng.uniform(0.2, 0.4)
    canvas.put(lens, colour(rng, 0.5, 1), labels.GLASSES, gloss=rng.uniform(0, 0.3), strength=strength)
    canvas.label[keep] = before[keep]
    if happens(rng, 0.35):  # a window or a lamp in the glass
        at, slope, period = rng.uniform(0, canvas.size), rng.uniform(-1, 1), rng.uniform(60, 140)
        along = np.arange(canvas.size)[None] + slope * np.arange(canvas.size)[:, None] - at
        streak = np.abs(along) % period < rng.uniform(4, 24)
        mask = cv2.GaussianBlur((lens * streak * 255).astype(np.uint8), (0, 0), 1)
        canvas.tint(mask, (1.4, 1.4, 1.4), rng.uniform(0.1, 0.6))


def _arms(canvas, pose, head, form):
    pixel = 1 / pose.unit
    outer = form.inset + form.half_width
    start = form.front - form.wrap * outer - form.slant * form.bridge_y  # where the lens ends
    for side in (-1, 1):
        wide = max(float(head.width(0)) + 0.04, outer)
        away = side * (wide - outer) / max(start, 0.3)  # arms open a little towards the ears
        normal = np.array([side, 0, abs(away)])
        _, y, z, depth = map(pose.enlarge, pose.meet_plane(np.array([side * outer, 0, start]), normal))
        height = form.bridge_y * np.clip(z / start, 0, 1)  # the ears stay where they are
        arm = np.clip(0.5 + (form.thick / 2 - np.abs(y - height)) / pixel, 0, 1)
        arm *= (z < start) & (z > -0.15) & (depth > canvas.depth - 0.01)
        if abs(pose.rotation[2] @ normal) > 0.05:
            canvas.put(arm, form.rim, labels.GLASSES, gloss=0.2)
