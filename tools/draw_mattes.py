"""Draws labels beside mattes: python tools/draw_mattes.py examples/pictures/astronaut_mattes.jpg

The photo; its hair as labels have it, and as a matte has it; the head cut out by either, before another background.
Takes the Python package and Pillow.
"""

import sys
from pathlib import Path

import numpy as np
import segface
from PIL import Image

TOP, LEFT, SIDE, LARGER = 10, 147, 154, 2
BACKGROUND = np.array([0x30, 0xA0, 0xFF])
PARTS = ("hair", "face", "ears", "neck")

photo = segface.read(Path(__file__).parent.parent / "tests/data/images/astronaut.png")
mask = segface.parse(photo, "rgb", surroundings=True, mattes=PARTS)
gray = [np.repeat(255 * hair[..., None], 3, 2) for hair in (mask["hair"], mask.mattes["hair"])]
head = mask["hair"] | mask["neck"] | mask.group("face") | mask.group("ears")
hard = np.where(head[..., None], photo, BACKGROUND)
cut = mask.cutout(sum(mask.mattes.values()))
alpha = cut[..., 3:] / 255
soft = alpha * cut[..., :3] + (1 - alpha) * BACKGROUND
parts = [np.asarray(picture)[TOP : TOP + SIDE, LEFT : LEFT + SIDE] for picture in (photo, *gray, hard, soft)]
row = Image.fromarray(np.hstack(parts).round().astype(np.uint8))
row.resize((LARGER * row.width, LARGER * row.height), Image.Resampling.NEAREST).save(sys.argv[1], quality=78)
