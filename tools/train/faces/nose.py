"""The nose's label, wings and nostrils on the sheet; its shape is the head's relief."""

import numpy as np

from . import labels


def paint_nose(rng, sheet) -> None:
    head = sheet.head
    wide, low = head.nose_width, head.nose_y
    half = np.array(
        [
            [-0.085, -0.08],
            [-0.085, 0.1],
            [-0.115, low - 0.3],
            [-wide * 0.84, low - 0.15],
            [-wide, low - 0.02],
            [-wide * 0.86, low + 0.065],
            [-0.11, low + 0.07],
            [0, low + 0.1],
        ]
    )
    outline = np.concatenate([half, half[::-1][1:] * [-1, 1]])
    sheet.fill(sheet.mask(outline, rounds=2), label=labels.NOSE)

    crease = sheet.skin * np.array([0.4, 0.32, 0.3], np.float32)
    strength = rng.uniform(0.15, 0.6)
    wings, bridge = np.zeros(sheet.shape, np.uint8), np.zeros(sheet.shape, np.uint8)
    for s in (-1, 1):
        sheet.line(
            [
                [s * wide * 0.84, low - 0.15],
                [s * wide * 1.02, low - 0.02],
                [s * wide * 0.88, low + 0.065],
                [s * wide * 0.6, low + 0.045],
            ],
            0.028,
            mask=wings,
        )
        sheet.line([[s * 0.11, -0.05], [s * 0.12, 0.2], [s * 0.16, low - 0.25]], 0.06, mask=bridge)
    sheet.line([[-wide * 0.6, low + 0.07], [0, low + 0.11], [wide * 0.6, low + 0.07]], 0.025, value=170, mask=wings)
    sheet.fill(bridge, crease, rng.uniform(0, 0.25), soft=0.05)
    sheet.fill(wings, crease, strength, soft=0.02)
    sheet.raise_(wings, -0.03, soft=0.02)

    nostrils = np.zeros(sheet.shape, np.uint8)
    angle, flat = np.linspace(0, 6.28, 12), rng.uniform(0.018, 0.04)
    for s in (-1, 1):
        x = s * wide * rng.uniform(0.42, 0.52) + np.cos(angle) * wide * 0.26
        y = low + 0.042 + np.sin(angle) * flat + s * np.cos(angle) * 0.01
        nostrils |= sheet.mask(np.stack([x, y], 1))
    sheet.fill(nostrils, sheet.skin * rng.uniform(0.08, 0.3), rng.uniform(0.5, 1), soft=0.012)
