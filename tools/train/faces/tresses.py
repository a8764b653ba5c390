"""Hair that leaves the head: buns, ponytails, plaits over a shoulder, strands before the face, single stray hairs."""

import cv2
import numpy as np

from . import labels, paint
from .chance import happens, pick, weighted


def hair_ball(rng, canvas, hair, pose, colour) -> None:
    """A bun or a high ponytail: a ball of hair behind the crown, or two of them."""
    aside = rng.uniform(0.6, 0.95) if happens(rng, 0.2) else rng.normal(0, 0.35)
    height, radius = rng.uniform(-0.1, 0.5), rng.uniform(0.25, 0.6)
    for x in (-aside, aside) if aside > 0.55 else (aside,):
        centre = np.array([[x, -1.35 - height + 0.5 * x * x, -0.6]])
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        outline = pose.project(centre)[0] + radius * pose.unit * np.stack([np.cos(angle), np.sin(angle)], 1)
        mask = paint.polygon(canvas.label.shape, paint.wobble(rng, outline, rng.uniform(0.02, 0.08) * pose.unit))
        depth = pose.depth(centre)[0] - 0.3 + paint.inflate(mask, radius * pose.unit) / pose.unit
        canvas.put(mask, colour, labels.HAIR, depth, hair.gloss)


def ponytail(rng, canvas, hair, pose) -> None:
    """From the back of the head down behind the neck, swung to a side."""
    top, swing, length = rng.uniform(-1.2, 0.3), rng.normal(0, 0.35), rng.uniform(0.9, 2.8)
    behind = -1.35 - 0.15 * rng.random()
    points = [[0, top, behind + 0.2], [0.1 * swing, top - 0.05, behind - 0.15], [swing, top + 0.5 * length, behind]]
    curve = pose.project(paint.smooth([*points, [1.5 * swing, top + length, behind + 0.2]], 3, closed=False))
    kind = "rope" if hair.kind == "ropes" else weighted(rng, {"bundle": 0.75, "plait": 0.25})
    _put_tress(rng, canvas, hair, curve, rng.uniform(0.3, 0.8), kind, -1.3)


def tress_over_shoulder(rng, canvas, hair, body) -> None:
    """A ponytail, a plait or some of them, from behind the neck down before one or both shoulders."""
    kind = "rope" if hair.kind == "ropes" else weighted(rng, {"bundle": 0.6, "plait": 0.4})
    for side in (-1, 1) if happens(rng, 0.35) else (pick(rng, (-1, 1)),):
        neck, low = body.neck, body.neck_base
        length = rng.uniform(0.8, 2.6)
        points = [
            [side * (neck - 0.15), 1.2],
            [side * (neck + 0.12), low - 0.25],
            [side * (neck + rng.uniform(0.1, 0.4)), low + 0.3],
            [side * (neck + rng.uniform(0.0, 0.5)), low + 0.3 + length],
        ]
        curve = body.project(paint.smooth(points, 3, closed=False))
        if kind == "rope":
            for _ in range(int(rng.integers(2, 7))):
                shift = np.array([rng.normal(0, 0.16), 0]) * canvas.unit
                _put_tress(rng, canvas, hair, curve + shift, rng.uniform(0.1, 0.18), kind, 0.5)
        else:
            _put_tress(rng, canvas, hair, curve, rng.uniform(0.28, 0.6), kind, 0.5)


def strands_over_face(rng, canvas, hair, head, pose) -> None:
    """Some strands from the hairline down over forehead, temple or cheek."""
    for _ in range(int(rng.integers(1, 3))):
        side = pick(rng, (-1, 1))
        x, top = side * rng.uniform(0.1, 0.8), rng.uniform(-1.3, -0.95)
        reach, swing = rng.uniform(0.3, 1.9), rng.normal(side * 0.3, 0.12)
        at = np.linspace(0, 1, 7)
        curl = rng.uniform(0, 0.12) * np.sin(at * rng.uniform(2, 7)) if hair.kind != "straight" else 0
        across = np.clip(x + swing * at + side * 0.25 * np.sin(at * 2) + curl, -0.92, 0.92)
        points = head.lift(np.stack([across, top + reach * at], 1), 0.06)
        curve = paint.smooth(pose.project(points), 2, closed=False)
        column, row = np.clip(curve[0], 0, canvas.size - 1).astype(int)
        if pose.depth(points).min() > 0.1 and canvas.label[row, column] == labels.HAIR:
            _put_tress(rng, canvas, hair, curve, rng.uniform(0.03, 0.12), "bundle", None)


def _put_tress(rng, canvas, hair, curve, width, kind, depth):
    """Hair along a curve of pixels, `width` units wide; without a depth it lies on what is there."""
    draw = {"bundle": _bundle, "plait": _plait, "rope": _rope}[kind]
    mask, shade = draw(rng, curve, width * canvas.unit, canvas.label.shape)
    area = paint.box(mask)
    if area is None:
        return
    base = canvas.depth if depth is None else np.float32(depth)
    cushion = 0.6 * paint.inflate(mask, 0.5 * width * canvas.unit) / canvas.unit
    tone = 1 + min(1.0, 0.3 + 1.5 * hair.amplitude) * (shade.astype(np.float32) / 128 - 1)
    canvas.tint(paint.blur(np.roll(mask, 1, 0), 0.03 * canvas.unit), (0, 0, 0), 0.25)
    canvas.put(mask, np.clip(hair.tips * tone[..., None], 0, 1.2), labels.HAIR, base + 0.03 + cushion, hair.gloss)


def _frame(curve):
    """Unit tangents and normals of a polyline."""
    tangent = np.gradient(curve, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
    return tangent, np.stack([-tangent[:, 1], tangent[:, 0]], 1)


def _bundle(rng, curve, width, shape):
    """Many strands side by side that meet at the tip, brighter in the middle."""
    mask, shade = np.zeros(shape, np.uint8), np.full(shape, 90, np.uint8)
    at = np.linspace(0, 1, len(curve))
    taper = 0.5 * width * np.interp(at, [0, 0.3, 0.75, 1], [0.7, 1, 0.75, 0.15])
    normal = _frame(curve)[1]
    sway, waves = rng.uniform(0, 0.25), rng.uniform(4, 16)
    for _ in range(int(1.3 * width) + 3):
        place = rng.uniform(-1, 1)
        offset = taper * (place + sway * np.sin(waves * at + rng.normal(0, 0.5)))
        strand = curve + normal * offset[:, None]
        paint.line(mask, strand, max(1.4, 0.12 * width))
        paint.line(shade, strand, max(1.0, 0.06 * width), int(rng.uniform(60, 150) + 80 * (1 - place * place)))
    return mask, shade


def _plait(rng, curve, width, shape):
    """Cushions that lie over one another from left and right in turn, and a tuft below."""
    mask, shade = np.zeros(shape, np.uint8), np.full(shape, 60, np.uint8)
    length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
    count = max(6, int(length / (0.25 * width)))
    paint.line(mask, curve, 0.5 * width)
    at = np.linspace(0, len(curve) - 1, count)
    points = np.stack([np.interp(at, np.arange(len(curve)), curve[:, i]) for i in (0, 1)], 1)
    tangent, normal = _frame(points)
    for step in range(count):
        side, narrow = (-1) ** step, 1 - 0.35 * step / count
        centre = points[step] + side * 0.2 * width * narrow * normal[step]
        turn = np.degrees(np.arctan2(tangent[step][1], tangent[step][0])) + side * 38
        pose = (tuple(np.round(centre).astype(int).tolist()), turn)
        axes = np.maximum(1, np.round(np.array([0.45, 0.27]) * width * narrow)).astype(int)
        for picture, grow, tone in ((mask, 1, 255), (shade, 1, 40), (shade, -1, int(rng.uniform(130, 220)))):
            size = tuple(np.maximum(axes + grow, 1).tolist())
            cv2.ellipse(picture, pose[0], size, pose[1], 0, 360, tone, -1, cv2.LINE_AA)
    return mask, shade


def _rope(rng, curve, width, shape):
    """One rope, rounded, with darker notches."""
    mask, shade = np.zeros(shape, np.uint8), np.full(shape, 60, np.uint8)
    paint.line(mask, curve, max(2, width))
    paint.line(shade, curve, max(1.5, 0.55 * width), int(rng.uniform(140, 220)))
    normal = _frame(curve)[1] * width
    for start in range(0, len(curve) - 1, 2):
        paint.line(shade, [curve[start] - normal[start], curve[start + 1] + normal[start]], max(1, 0.15 * width), 60)
    return mask, shade


def stray_hairs(rng, canvas, hair, outline_mask) -> None:
    """Single hairs off the outline: colour only, too thin for a label."""
    contours = cv2.findContours(outline_mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    if not contours:
        return
    points = max(contours, key=len)[:, 0]
    mask = np.zeros_like(outline_mask)
    for _ in range(int(rng.integers(5, 120 if hair.frizz else 40))):
        start = points[rng.integers(len(points))].astype(np.float64)
        angle, length = rng.uniform(0, 6.28), rng.uniform(0.05, 0.35) * canvas.unit
        bend = angle + rng.normal(0, 0.7)
        middle = start + length * np.array([np.cos(angle), np.sin(angle)])
        end = middle + 0.6 * length * np.array([np.cos(bend), np.sin(bend)])
        paint.line(mask, paint.smooth([start, middle, end], 2, closed=False), 0.8)
    strength = rng.uniform(0.2, 0.7)
    paint.blend(canvas.background, mask, np.clip(hair.colour * rng.uniform(0.8, 1.4), 0, 1), strength)
    canvas.tint(mask, hair.colour * rng.uniform(0.8, 1.3), strength)
