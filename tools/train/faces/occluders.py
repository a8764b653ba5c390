"""What comes before the face: hands, things, masks, foliage, other people. All but scarves is background."""

import numpy as np

from . import labels, paint
from .background import background
from .chance import colour, happens, pick, weighted
from .fabric import fabric, plain_colour
from .hands import put_hands
from .people import HAIRS, skin_tone


def put_occluder(rng, canvas, person, pose, head, bank) -> None:
    kind = weighted(rng, _KINDS)
    if kind is put_hands:
        put_hands(rng, canvas, person, pose, head, bank)
    else:
        kind(rng, canvas, pose, head, bank)


def _lay(canvas, mask, colour_, lift=0.25, gloss=0.05):
    depth = 1.3 + lift * paint.inflate(mask, 0.2 * canvas.unit) / (0.2 * canvas.unit)
    canvas.tint(paint.blur(mask, 0.04 * canvas.unit), (0, 0, 0), 0.2)
    canvas.put(mask, colour_, labels.BACKGROUND, depth, gloss)


def _place(rng, canvas):
    """A point near the lower or outer face, where things mostly come."""
    angle = rng.uniform(-0.5, np.pi + 0.5)
    return (
        canvas.size * 0.5
        + canvas.unit * rng.uniform(0.7, 1.5) * np.array([np.cos(angle), np.sin(angle)])
        + [0, 0.4 * canvas.unit]
    )


def _microphone(rng, canvas, pose, head, bank):
    unit = canvas.unit
    at = np.array([canvas.size / 2 + rng.normal(0, 0.5) * unit, canvas.size / 2 + rng.uniform(0.9, 1.8) * unit])
    end = at + unit * np.array([rng.normal(0, 1.2), 4])
    mask = np.zeros(canvas.label.shape, np.uint8)
    paint.line(mask, [at, end], rng.uniform(0.1, 0.3) * unit)
    _lay(canvas, mask, colour(rng, 0, 0.4), gloss=0.3)
    ball = paint.disc(np.zeros_like(mask), at, rng.uniform(0.18, 0.4) * unit)
    mesh = colour(rng, 0.02, 0.5) * (1 + 0.25 * bank.patch(rng, "fine", canvas.size))[..., None]
    _lay(canvas, ball, mesh)


def _card(rng, canvas, pose, head, bank):
    """A phone, a book, a sign: a straight-edged thing, a phone with its lenses."""
    at, unit, angle = _place(rng, canvas), canvas.unit, rng.normal(0, 0.5)
    half = np.array([rng.uniform(0.15, 0.8), rng.uniform(0.2, 0.9)]) * unit
    phone = happens(rng, 0.4)
    if phone:
        half = np.array([0.42, 0.85]) * unit * rng.uniform(0.85, 1.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def outline(middle, size):
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size + middle
        return paint.polygon(canvas.label.shape, paint.smooth(corners @ turn.T + at, 1 + phone))

    look = plain_colour(rng) if phone else fabric(rng, colour(rng), canvas.size, bank)
    _lay(canvas, outline([0, 0], half), look, 0.02, 0.4 * phone)
    if phone:
        canvas.put(outline(-0.62 * half, 0.28 * half), look * 0.6, gloss=0.4)


def _cup(rng, canvas, pose, head, bank):
    """A cup or a glass at the mouth."""
    at = pose.project(head.lift([[rng.normal(0, 0.2), head.mouth_y + rng.uniform(-0.1, 0.35)]]))[0]
    wide, high, taper = rng.uniform(0.3, 0.55), rng.uniform(0.5, 1.2), rng.uniform(0.6, 1.0)
    sides = np.array([[-wide, 0], [wide, 0], [wide * taper, high], [-wide * taper, high]])
    lean = rng.normal(0, 0.2)
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])

    def outline(points):
        return paint.polygon(canvas.label.shape, np.asarray(points) @ turn.T * canvas.unit + at)

    if happens(rng, 0.4):  # its handle
        angle, mask = np.linspace(-1.4, 1.4, 12), np.zeros(canvas.label.shape, np.uint8)
        ring = np.stack([wide * 0.9 + 0.25 * np.cos(angle), 0.45 * high + 0.25 * np.sin(angle)], 1)
        paint.line(mask, ring @ turn.T * canvas.unit + at, 0.09 * canvas.unit)
        _lay(canvas, mask, colour(rng))
    cloth = fabric(rng, plain_colour(rng), canvas.size, bank)
    _lay(canvas, outline(sides), cloth, 0.3, rng.uniform(0.05, 0.5))
    angle = np.linspace(0, 2 * np.pi, 30)
    rim = np.stack([wide * np.cos(angle), 0.14 * wide * np.sin(angle)], 1)
    _lay(canvas, outline(rim), cloth * rng.uniform(0.5, 1.2), 0.02)


def _food(rng, canvas, pose, head, bank):
    """Something eaten: a ball, a slice or a cone at the mouth."""
    at = pose.project(head.lift([[rng.normal(0, 0.25), head.mouth_y + rng.normal(0.1, 0.1)]]))[0]
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    round_ = np.stack([np.cos(angle) * rng.uniform(0.15, 0.5), np.sin(angle) * rng.uniform(0.15, 0.4)], 1)
    mask = paint.polygon(canvas.label.shape, paint.wobble(rng, at + round_ * canvas.unit, 0.03 * canvas.unit))
    crumbs = 1 + 0.2 * bank.patch(rng, pick(rng, ("fractal", "coils", "fine")), canvas.size)[..., None]
    _lay(canvas, mask, np.clip(colour(rng, 0.2, 0.95) * crumbs, 0, 1), 0.3, rng.uniform(0, 0.4))


def _face_mask(rng, canvas, pose, head, bank):
    """A mask over mouth and nose with its pleats and ear loops."""
    top, low, wide = head.nose_y - rng.uniform(-0.1, 0.4), head.chin_y + 0.08, rng.uniform(0.72, 0.86)
    half = [[0, top], [0.3, top + 0.08], [wide, top + 0.22], [wide * 0.97, low - 0.45], [0.45, low - 0.08], [0, low]]
    outline = np.array(half + [[-x, y] for x, y in half[::-1]])
    lifted = head.lift(outline, 0.05)
    loops = np.zeros(canvas.label.shape, np.uint8)
    for side in (-1, 1):
        for y, ear_y in ((top + 0.25, 0.0), (low - 0.5, 0.45)):
            ear = [side * (head.width(0.2) + 0.02), ear_y, -0.1]
            strap = pose.project(np.concatenate([head.lift([[side * wide * 0.95, y]], 0.03), [ear]]))
            if pose.depth([ear])[0] > -0.5:
                paint.line(loops, strap, 0.035 * canvas.unit)
    dye = np.array([0.62, 0.78, 0.88]) if happens(rng, 0.35) else plain_colour(rng)
    loops[canvas.label == labels.BACKGROUND] = 0
    canvas.put(loops, np.clip(dye * 1.1, 0, 1), labels.BACKGROUND)
    mask = paint.polygon(canvas.label.shape, paint.smooth(pose.project(lifted), 2))
    pleats = np.zeros_like(mask)
    for y in np.linspace(top + 0.3, low - 0.25, 4):
        paint.line(
            pleats, pose.project(head.lift([[-wide, y], [-0.4, y + 0.04], [0.4, y + 0.04], [wide, y]], 0.05)), 1.2
        )
    cushion = paint.inflate(mask, 0.8 * canvas.unit) / canvas.unit
    canvas.put(mask, fabric(rng, dye, canvas.size, bank), labels.BACKGROUND, canvas.depth + 0.05 + 0.15 * cushion, 0.03)
    canvas.tint(np.minimum(pleats, mask), dye * 0.4, rng.uniform(0.1, 0.5))


def _scarf(rng, canvas, pose, head, bank):
    """A scarf wound high, over the chin or the mouth too: the one that is labelled, as clothes are."""
    top = rng.choice([head.chin_y - 0.1, head.chin_y - 0.35, head.mouth_y - 0.1]) + rng.normal(0, 0.04)
    dye, low = plain_colour(rng), head.chin_y + rng.uniform(0.7, 1.2)
    wide, count = head.width(0.8) + rng.uniform(0.05, 0.4), int(rng.integers(2, 4))
    for y in np.linspace(low, top, count):  # rolls, the upper ones over the lower
        half = [
            [0, y + 0.12],
            [wide * 0.7, y + 0.02],
            [wide, y - 0.25],
            [wide + 0.1, y + 0.4],
            [wide * 0.7, y + 0.75],
            [0, y + 0.85],
        ]
        roll = np.array(half + [[-x, z] for x, z in half[::-1]]) + rng.normal(0, 0.04, (12, 2))
        at = pose.project(np.concatenate([roll, np.full((12, 1), 0.6)], 1))
        mask = paint.polygon(canvas.label.shape, paint.smooth(at, 2))
        canvas.tint(paint.blur(mask, 0.06 * canvas.unit), (0, 0, 0), 0.35)
        depth = 1.0 + 0.4 * paint.inflate(mask, 0.4 * canvas.unit) / canvas.unit
        canvas.put(mask, fabric(rng, dye, canvas.size, bank), labels.CLOTH, depth, 0.02)


def _neighbour(rng, canvas, pose, head, bank):
    """Another person's head and shoulder, nearer, cut by the picture's border."""
    side, unit, size = pick(rng, (-1, 1)), canvas.unit * rng.uniform(0.9, 1.3), canvas.size
    at = np.array([size / 2 + side * (size / 2 + rng.uniform(-0.2, 0.9) * unit), size * rng.uniform(0.3, 0.7)])
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    oval = np.stack([np.cos(angle), np.sin(angle)], 1)
    shoulder = paint.polygon(canvas.label.shape, at + oval * [2.2 * unit, 2 * unit] + [side * 0.8 * unit, 3.2 * unit])
    _lay(canvas, shoulder, fabric(rng, plain_colour(rng), size, bank), 0.1)
    skin = skin_tone(rng) * (1 + 0.04 * bank.patch(rng, "fractal", size))[..., None]
    _lay(canvas, paint.polygon(canvas.label.shape, at + oval * [0.95 * unit, 1.4 * unit]), skin, 0.4)
    hair = pick(rng, HAIRS) * (1 + 0.3 * bank.patch(rng, pick(rng, ("strands", "coils")), size))[..., None]
    crown = paint.wobble(rng, at + oval * [1.15 * unit, 1.2 * unit] + [side * 0.3 * unit, -0.6 * unit], 0.05 * unit)
    _lay(canvas, paint.polygon(canvas.label.shape, crown), np.clip(hair, 0, 1), 0.4)


def _blob(rng, canvas, pose, head, bank):
    outline = paint.smooth(
        rng.uniform(0.08, 0.92, 2) * canvas.size + rng.normal(0, rng.uniform(0.1, 0.45) * canvas.unit, (6, 2)), 2
    )
    _lay(canvas, paint.polygon(canvas.label.shape, outline), background(rng, canvas.size, bank), 0.1)


_KINDS = {
    put_hands: 0.5,
    _microphone: 0.1,
    _card: 0.09,
    _cup: 0.06,
    _food: 0.05,
    _face_mask: 0.06,
    _scarf: 0.06,
    _neighbour: 0.06,
    _blob: 0.08,
}
