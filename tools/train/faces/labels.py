"""The 19 classes of CelebAMask-HQ. Sides are the picture's: l_* lies at the left of the picture."""

import numpy as np

NAMES = (
    "background neck skin cloth l_ear r_ear l_brow r_brow l_eye r_eye nose mouth l_lip u_lip hair eye_g hat ear_r "
    "neck_l"
).split()
(
    BACKGROUND,
    NECK,
    SKIN,
    CLOTH,
    L_EAR,
    R_EAR,
    L_BROW,
    R_BROW,
    L_EYE,
    R_EYE,
    NOSE,
    MOUTH,
    LOWER_LIP,
    UPPER_LIP,
    HAIR,
    GLASSES,
    HAT,
    EARRING,
    NECKLACE,
) = range(len(NAMES))

IGNORED = 255  # pixels that neither the loss nor the scores look at

# What a mirrored picture's labels become: new label = MIRRORED[old label].
MIRRORED = np.arange(256, dtype=np.uint8)
for left, right in ((L_EAR, R_EAR), (L_BROW, R_BROW), (L_EYE, R_EYE)):
    MIRRORED[left], MIRRORED[right] = right, left

# What a drawn region called "face" holds: skin and all that lies on it.
FACE = (SKIN, L_BROW, R_BROW, L_EYE, R_EYE, NOSE, MOUTH, LOWER_LIP, UPPER_LIP)

COLOURS = np.array(
    [
        (0, 0, 0),
        (255, 160, 60),
        (255, 220, 180),
        (60, 120, 60),
        (160, 60, 160),
        (220, 60, 220),
        (0, 200, 255),
        (0, 110, 255),
        (0, 255, 0),
        (0, 140, 0),
        (255, 255, 0),
        (120, 0, 0),
        (255, 60, 60),
        (255, 0, 140),
        (120, 80, 40),
        (0, 255, 200),
        (90, 90, 255),
        (255, 255, 255),
        (200, 200, 0),
    ],
    np.uint8,
)
