"""One face with its labels, put together from back to front; the same seed and index always give the same picture."""

from dataclasses import dataclass

import numpy as np

from . import labels, tables
from .background import background
from .beard import Beard
from .body import Body
from .camera import expose, photograph
from .canvas import Canvas
from .chance import happens
from .clothes import put_clothes
from .ears import Ear
from .eyes import paint_brows, paint_eyes
from .glasses import put_glasses
from .hair import Hair, hair_ball, stray_hairs
from .hat import Hat, cover_with_hat
from .head import Head
from .jewellery import put_earrings, put_necklace
from .light import Light, illuminate
from .mouth import paint_mouth
from .nose import paint_nose
from .occluders import put_occluder
from .people import Person
from .pose import Pose
from .sheet import Sheet
from .skin import paint_skin
from .surface import march
from .textures import bank as load_bank

SHARES = dict(hat=0.12, glasses=0.16, earrings=0.5, necklace=0.22, occluder=0.15)


@dataclass
class Face:
    picture: np.ndarray  # [size, size, 3] uint8 RGB
    label: np.ndarray  # [size, size] uint8
    turned: bool  # by 20 degrees or more to a side
    covered: bool  # something before the face hides 2 % of it or more


def render(seed: int, index: int, size: int = 256, bank_seed: int = 0) -> Face:
    """`bank_seed` picks the bank of textures."""
    bank = load_bank(bank_seed)
    rng = np.random.default_rng([seed, index])
    person, pose, light = Person(rng), Pose(rng, size), Light(rng)
    head = Head(rng, person.masculine, person.old)
    sheet = _paint_face(rng, head, person, light, size, bank)
    beard, hair = Beard(rng, sheet, person), Hair(rng, head, person, bank)
    hat = Hat(rng, head, hair) if happens(rng, SHARES["hat"]) else None

    radius = head.radius
    for part in (beard, hair, hat):
        if part is not None and part.mask is not None:
            radius = tables.cover(radius, part.mask, part.radius)
    seen = march(pose, radius, pose.down if hair.length > 1.6 else None)

    canvas = Canvas(background(rng, size, bank), pose.unit)
    strands = hair.strands(rng, seen)
    outline = np.clip(0.5 - seen.gap * pose.unit, 0, 1)
    grown = np.zeros_like(outline)
    if hair.mask is not None:
        grown = hair.coverage(strands, seen, head)
        if beard.mask is not None:
            grown *= seen.sample(beard.mask) < 0.3
        bare = grown if hat is None else grown * (seen.sample(hat.mask) < 0.5)
        outline = hair.outline(seen.gap, bare, strands, outline, pose.unit)
    body = Body(rng, pose, head, person)
    lower = _lower_hair(seen, head, grown, outline)
    hair_colour = hair.shade(strands, seen)
    hair_depth = seen.depth + 0.03 * hair.amplitude * strands
    within = (lower > 0) & (seen.radius < 0.75)  # hair seen from inside, through the gap at the throat, is behind
    hair_depth[within] = np.minimum(hair_depth[within], -0.6)
    canvas.put(lower, hair_colour, labels.HAIR, hair_depth, hair.gloss)
    if hair.style == "bun":
        hair_ball(rng, canvas, hair, pose, hair_colour)
    body.put(rng, canvas, person, bank)
    put_clothes(rng, canvas, body, bank)
    if happens(rng, SHARES["necklace"]):
        put_necklace(rng, canvas, body, bank)
    canvas.put(lower * _before_body(hair, canvas, hair_depth), hair_colour, labels.HAIR, hair_depth, hair.gloss)
    _put_head(rng, canvas, sheet, beard, hair, seen, outline * (lower == 0))
    if hair.mask is not None:
        upper = grown * outline * (lower == 0)
        canvas.put(upper, hair_colour, labels.HAIR, hair_depth, hair.gloss, hair.thin)
    ears = [Ear(rng, head, -1, hair.covers_ears)]
    ears.append(Ear(rng, head, 1, hair.covers_ears, like=ears[0]))
    for ear in ears:
        ear.put(rng, canvas, pose, person, np.where(outline > 0.5, seen.depth, -6).astype(np.float32))
    if hair.mask is not None and happens(rng, 0.6):
        stray_hairs(rng, canvas, hair, (canvas.label == labels.HAIR).astype(np.uint8) * 255)
    if happens(rng, SHARES["glasses"]):
        put_glasses(rng, canvas, pose, head, bank)
    if hat is not None:
        cover_with_hat(rng, canvas, hat, seen, outline, bank)
        hat.put_brim(rng, canvas, pose, bank)
        hat.decorate(rng, canvas, bank)
    if happens(rng, SHARES["earrings"]):
        put_earrings(rng, canvas, pose, ears, bank)
    free = int(np.isin(canvas.label, labels.FACE).sum())
    if happens(rng, SHARES["occluder"]):
        put_occluder(rng, canvas, person, bank)
    covered = np.isin(canvas.label, labels.FACE).sum() < 0.98 * free
    picture = expose(rng, illuminate(canvas, light), canvas.label, person.darkness)
    return Face(photograph(rng, picture, bank), canvas.label, abs(pose.yaw) > 0.349, bool(covered))


def _paint_face(rng, head, person, light, size, bank):
    sheet = Sheet(head, size, person.skin)
    paint_skin(rng, sheet, person, bank)
    paint_nose(rng, sheet)
    paint_eyes(rng, sheet, person, light)
    paint_brows(rng, sheet, person)
    paint_mouth(rng, sheet, person, bank)
    return sheet


def _lower_hair(seen, head, grown, outline):
    """Coverage of the hair that hangs below the jaw, where it may be behind the neck or before the shoulders."""
    return grown * outline * (seen.y > head.chin_y * 0.9)


def _before_body(hair, canvas, depth):
    """Where hanging hair is nearer than the neck, and, by side, whether it lies over the clothes."""
    over = np.ones(depth.shape, np.float32)
    half = depth.shape[1] // 2
    cloth = np.isin(canvas.label, (labels.CLOTH, labels.NECKLACE))
    for side, columns in zip(hair.over_clothes, (slice(0, half), slice(half, None))):
        over[:, columns] = np.where(cloth[:, columns], float(side), depth[:, columns] > canvas.depth[:, columns])
    return over


def _put_head(rng, canvas, sheet, beard, hair, seen, outline):
    colour, label, gloss, relief, dense = sheet.wrap(seen)
    depth = seen.depth + relief
    if beard.kind != "none":
        strands = hair.beard_strands(rng, seen)
        if beard.mask is not None:
            dense = np.maximum(dense, seen.sample(beard.mask) * (label == labels.SKIN))
        dense = np.clip(dense * (1 + 0.5 * strands), 0, 1) * rng.uniform(0.6, 1)
        tone = np.clip(beard.colour * (1 + 0.3 * strands[..., None]), 0, 1)
        colour = colour + dense[..., None] * (tone - colour)
        depth = depth + 0.015 * dense * strands
    canvas.put(outline, colour, label, depth.astype(np.float32), gloss)
