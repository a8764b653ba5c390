"""One face with its labels, put together from back to front; the same seed and index always give the same picture."""

from dataclasses import dataclass

import numpy as np

from . import labels, paint, tables
from .background import background
from .beard import Beard
from .body import Body
from .camera import expose, photograph
from .canvas import Canvas
from .chance import happens
from .clothes import put_clothes
from .earrings import put_earrings
from .ears import Ear
from .expression import Expression
from .eyes import paint_brows, paint_eyes
from .glasses import put_glasses
from .hair import Hair
from .hat import Hat, cover_with_hat
from .head import Head
from .light import Light, illuminate
from .makeup import paint_makeup
from .mouth import paint_mouth
from .necklace import put_necklace
from .nose import paint_nose
from .occluders import put_occluder
from .people import Person
from .pose import Pose
from .sheet import Sheet
from .skin import paint_skin
from .strands import ROUND, beard_strands
from .surface import march
from .textures import bank as load_bank
from .tresses import hair_ball, ponytail, strands_over_face, stray_hairs, tress_over_shoulder
from .wrinkles import paint_wrinkles

SHARES = dict(hat=0.12, glasses=0.16, earrings=0.5, necklace=0.22, occluder=0.15)
# What is rare is learnt slowly: it is drawn more often for training.
TRAINING_SHARES = dict(hat=0.2, glasses=0.18, earrings=0.6, necklace=0.5, occluder=0.25)


@dataclass
class Face:
    picture: np.ndarray  # [size, size, 3] uint8 RGB
    label: np.ndarray  # [size, size] uint8
    turned: bool  # by 20 degrees or more to a side
    covered: bool  # something before the face hides 2 % of it or more


def render(seed: int, index: int, size: int = 256, bank_seed: int = 0, shares=SHARES) -> Face:
    """`bank_seed` picks the bank of textures; `shares` is how often what not all faces have is drawn."""
    bank = load_bank(bank_seed)
    rng = np.random.default_rng([seed, index])
    person, pose, light = Person(rng), Pose(rng, size), Light(rng, size, bank)
    head = Head(rng, person, Expression(rng))
    sheet = _paint_face(rng, head, person, light, size, bank)
    hair = Hair(rng, head, person, bank)
    beard = Beard(rng, sheet, person, hair)
    hat = Hat(rng, head, hair) if happens(rng, shares["hat"]) else None

    seen = march(pose, _outer_radius(head, beard, hair, hat), pose.down if hair.length > 1.6 else None)
    canvas = Canvas(_scene(rng, hair, size, bank), pose.unit)
    locks = _Locks(rng, seen, pose, head, beard, hair, hat)
    body = Body(rng, pose, head, person)

    locks.put_behind(canvas)
    if hair.style == "bun":
        if happens(rng, 0.5):
            ponytail(rng, canvas, hair, pose)
        if happens(rng, 0.7):
            hair_ball(rng, canvas, hair, pose, locks.colour)
    body.put(rng, canvas, person, bank)
    put_clothes(rng, canvas, body, bank)
    if happens(rng, shares["necklace"]):
        put_necklace(rng, canvas, body, bank)
    locks.put_over_shoulders(canvas)
    if hair.style in ("bun", "cornrows", "slick", "long") and happens(rng, 0.25):
        tress_over_shoulder(rng, canvas, hair, body)
    _put_face(rng, canvas, sheet, beard, hair, seen, locks.bare, bank)
    locks.put_on_head(canvas)
    if hair.style in ("bun", "short", "bob", "long") and happens(rng, 0.14):
        strands_over_face(rng, canvas, hair, head, pose)
    ears = _put_ears(rng, canvas, pose, head, person, hair, np.where(locks.outline > 0.5, seen.depth, -6))
    if hair.mask is not None and happens(rng, 0.6):
        stray_hairs(rng, canvas, hair, (canvas.label == labels.HAIR).astype(np.uint8) * 255)
    if happens(rng, shares["glasses"]):
        put_glasses(rng, canvas, pose, head, bank)
    if hat is not None:
        cover_with_hat(rng, canvas, hat, seen, locks.outline, bank)
        hat.put_brim(rng, canvas, pose, bank)
        hat.decorate(rng, canvas, bank)
    if happens(rng, shares["earrings"]):
        put_earrings(rng, canvas, pose, ears, bank)
    free = int(np.isin(canvas.label, labels.FACE).sum())
    if happens(rng, shares["occluder"]):
        put_occluder(rng, canvas, person, pose, head, bank)
    covered = np.isin(canvas.label, labels.FACE).sum() < 0.98 * free
    picture = expose(rng, illuminate(canvas, light), canvas.label, person.darkness)
    return Face(photograph(rng, picture, bank), canvas.label, abs(pose.yaw) > 0.349, bool(covered))


def _scene(rng, hair, size, bank):
    """What is behind, sometimes as bright as the hair."""
    scene = background(rng, size, bank)
    if happens(rng, 0.1):
        scene = scene + np.float32(rng.uniform(0.5, 0.95)) * (hair.colour * np.float32(rng.uniform(0.6, 1.5)) - scene)
    return scene


def _outer_radius(head, *parts):
    """The head with all that enlarges it."""
    radius = head.radius
    for part in parts:
        if part is not None and part.mask is not None:
            radius = tables.cover(radius, part.mask, part.radius)
    return radius


class _Locks:
    """The hair as the picture's pixels see it, and the outline of head and hair together.

    What hangs below the jaw is put apart from the rest: it may be behind the neck or before the shoulders.
    """

    def __init__(self, rng, seen, pose, head, beard, hair, hat):
        self.hair = hair
        strands = hair.strands(rng, seen)
        self.outline = np.clip(0.5 - seen.gap * pose.unit, 0, 1)
        self.grown = np.zeros_like(self.outline)
        if hair.mask is not None:
            self.grown = hair.coverage(strands, seen, head)
            if beard.mask is not None:
                self.grown *= seen.sample(beard.mask) < 0.3
            bare = self.grown if hat is None else self.grown * (seen.sample(hat.mask) < 0.5)
            self.outline = hair.outline(seen.gap, bare, strands, self.outline, pose.unit)
        self.hanging = self.grown * self.outline * (seen.y > head.chin_y * 0.9)
        self.bare = self.outline * (self.hanging == 0) * (self.grown < 0.95)  # hair's own shade shows the scalp
        self.colour = hair.shade(strands, seen)
        self.depth = seen.depth + 0.03 * hair.amplitude * strands
        within = (self.hanging > 0) & (seen.radius < 0.75)  # seen from inside, through the gap at the throat
        self.depth[within] = np.minimum(self.depth[within], -0.6)

    def _put(self, canvas, cover):
        """Colours are frayed as strands are; the label's edge runs smoothly through them."""
        canvas.put(cover, self.colour, None, self.depth, self.hair.gloss)
        smooth = paint.blur(cover.astype(np.float32), 1.5 * canvas.size / 256)
        canvas.put(smooth, self.colour, labels.HAIR, strength=0)

    def put_behind(self, canvas):
        self._put(canvas, self.hanging)

    def put_over_shoulders(self, canvas):
        """Where hanging hair is nearer than the neck; over the clothes on a side by choice, unless it hangs behind."""
        over = self.depth > canvas.depth
        half = over.shape[1] // 2
        cloth, before = np.isin(canvas.label, (labels.CLOTH, labels.NECKLACE)), self.depth > -0.6
        for side, columns in zip(self.hair.over_clothes, (slice(0, half), slice(half, None))):
            over[:, columns] = np.where(cloth[:, columns], side & before[:, columns], over[:, columns])
        self._put(canvas, self.hanging * over)

    def put_on_head(self, canvas):
        self._put(canvas, self.grown * self.outline * (self.hanging == 0))


def _paint_face(rng, head, person, light, size, bank):
    sheet = Sheet(head, size, person.skin)
    paint_skin(rng, sheet, person, bank)
    paint_makeup(rng, sheet, person)
    paint_wrinkles(rng, sheet, person)
    paint_nose(rng, sheet)
    paint_eyes(rng, sheet, person, light)
    paint_brows(rng, sheet, person)
    paint_mouth(rng, sheet, person, bank)
    return sheet


def _put_ears(rng, canvas, pose, head, person, hair, depth):
    ears = [Ear(rng, head, -1, hair.covers_ears[0])]
    ears.append(Ear(rng, head, 1, hair.covers_ears[1], like=ears[0]))
    for ear in ears:
        ear.put(rng, canvas, pose, person, depth.astype(np.float32))
    return ears


def _put_face(rng, canvas, sheet, beard, hair, seen, outline, bank):
    colour, label, gloss, relief, dense = sheet.wrap(seen)
    depth = seen.depth + relief
    if beard.kind != "none":
        strands = beard_strands(rng, bank, seen, hair.kind in ROUND or happens(rng, 0.3))
        if beard.mask is not None:
            dense = np.maximum(dense, seen.sample(beard.mask) * (label == labels.SKIN))
        dense = np.clip(dense * (1 + 0.4 * strands), 0, 1) * rng.uniform(0.7, 1)
        tone = beard.shade(rng, bank, strands, canvas.size)
        colour = colour + dense[..., None] * (tone - colour)
        depth = depth + 0.015 * dense * strands
    canvas.put(outline, colour, label, depth.astype(np.float32), gloss)
