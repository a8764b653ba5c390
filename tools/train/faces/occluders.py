"""Things before the face: hands, microphones, cups, foliage, blobs. They are labelled background."""

import numpy as np

from . import labels, paint
from .background import background
from .chance import colour, happens, weighted
from .fabric import fabric
from .people import skin_tone


def put_occluder(rng, canvas, person, bank) -> None:
    kind = weighted(rng, {"hand": 0.35, "microphone": 0.2, "card": 0.2, "blob": 0.25})
    {"hand": _hand, "microphone": _microphone, "card": _card, "blob": _blob}[kind](rng, canvas, person, bank)


def _lay(canvas, mask, colour_, lift=0.25):
    depth = 1.3 + lift * paint.inflate(mask, 0.2 * canvas.unit) / (0.2 * canvas.unit)
    canvas.put(mask, colour_, labels.BACKGROUND, depth, 0.05)


def _place(rng, canvas):
    """A point near the lower or outer face, where hands and things mostly come."""
    angle = rng.uniform(-0.5, np.pi + 0.5)
    return (
        canvas.size * 0.5
        + canvas.unit * rng.uniform(0.7, 1.5) * np.array([np.cos(angle), np.sin(angle)])
        + [0, 0.4 * canvas.unit]
    )


def _hand(rng, canvas, person, bank):
    tone = person.skin if happens(rng, 0.8) else skin_tone(rng)
    size, unit = canvas.size, canvas.unit
    at = _place(rng, canvas)
    toward = np.array([size / 2, size / 2 + 0.3 * unit]) - at
    angle = np.arctan2(toward[1], toward[0]) + rng.normal(0, 0.4)
    grain = tone * (1 + 0.03 * bank.patch(rng, "fractal", size))[..., None] * rng.uniform(0.85, 1.05)

    def along(length, sideways):
        return at + unit * np.array(
            [np.cos(angle) * length - np.sin(angle) * sideways, np.sin(angle) * length + np.cos(angle) * sideways]
        )

    palm = paint.polygon(
        canvas.label.shape,
        paint.smooth(
            [
                along(-2.5, -0.3),
                along(-2.5, 0.3),
                along(-0.5, 0.32),
                along(-0.1, 0.42),
                along(0.3, 0.4),
                along(0.3, -0.4),
                along(-0.1, -0.42),
                along(-0.5, -0.32),
            ],
            2,
        ),
    )
    _lay(canvas, palm, grain)
    curl = rng.uniform(0.3, 1.0)
    for sideways, length in ((-0.32, 0.75), (-0.11, 0.9), (0.11, 0.85), (0.32, 0.65)):
        spread = sideways * rng.uniform(1.0, 1.5)
        finger = np.zeros_like(palm)
        paint.line(finger, [along(0.15, sideways), along(length * curl + 0.1, spread)], rng.uniform(0.17, 0.21) * unit)
        edge = paint.blur(finger, 0.03 * unit)
        canvas.tint(edge, tone * 0.5, 0.25)
        _lay(canvas, finger, grain, 0.15)


def _microphone(rng, canvas, person, bank):
    unit = canvas.unit
    at = np.array([canvas.size / 2 + rng.normal(0, 0.5) * unit, canvas.size / 2 + rng.uniform(0.9, 1.8) * unit])
    end = at + unit * np.array([rng.normal(0, 1.2), 4])
    mask = np.zeros(canvas.label.shape, np.uint8)
    paint.line(mask, [at, end], rng.uniform(0.1, 0.3) * unit)
    _lay(canvas, mask, colour(rng, 0, 0.4))
    ball = paint.disc(np.zeros_like(mask), at, rng.uniform(0.18, 0.4) * unit)
    mesh = colour(rng, 0.02, 0.5) * (1 + 0.25 * bank.patch(rng, "fine", canvas.size))[..., None]
    _lay(canvas, ball, mesh)


def _card(rng, canvas, person, bank):
    """A phone, a book, a sign: a straight-edged thing."""
    at, unit, angle = _place(rng, canvas), canvas.unit, rng.normal(0, 0.5)
    half = np.array([rng.uniform(0.15, 0.8), rng.uniform(0.2, 0.9)]) * unit
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = at + (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half) @ turn.T
    _lay(canvas, paint.polygon(canvas.label.shape, corners), fabric(rng, colour(rng), canvas.size, bank), 0.02)


def _blob(rng, canvas, person, bank):
    outline = paint.smooth(
        rng.uniform(0.08, 0.92, 2) * canvas.size + rng.normal(0, rng.uniform(0.1, 0.45) * canvas.unit, (6, 2)), 2
    )
    _lay(canvas, paint.polygon(canvas.label.shape, outline), background(rng, canvas.size, bank), 0.1)
