"""A user's program, for `mypy --strict`: what the package gives is typed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

import segface


def hair_of(path: Path) -> npt.NDArray[np.bool_]:
    with segface.load(threads=1) as parser:
        mask = parser.parse(path, most=3, progress=lambda share: share < 2)
        crop = parser.parse_crop(np.zeros((8, 8, 3), np.uint8), "rgb", logits=True)
        points = np.array(mask.faces[0].landmarks)
        by_hand = [
            parser.parse(path, whole=True),
            parser.parse(path, box=(0, 0, 8, 8), landmarks=mask.faces[0].landmarks),
            parser.parse(path, landmarks=points, align="celeba", out=np.empty((8, 8), np.uint8)),
        ]
        boxes: list[tuple[float, float, float, float]] = [face.box for face in parser.find(path)]
        tracker = segface.Tracker(parser, every=2, smooth=0.5, mattes=["hair"], progress=lambda share: True)
        numbers: list[int] = [face.track for face in tracker.next(path, out=np.empty((8, 8), np.uint8)).faces]
    if mask.confidence is None or crop.logits is None:
        raise segface.Error(f"nothing of {len(boxes)} faces, {len(numbers)} tracks and {len(by_hand)} parts")
    alpha: npt.NDArray[np.float32] = parser.parse(path, mattes=["hair"], refine=True).mattes["hair"]
    cut: npt.NDArray[np.uint8] = mask.cutout("hair")
    labels: npt.NDArray[np.uint8] = mask.as_classes("bisenet")
    overlay: npt.NDArray[np.uint8] = mask.overlay(alpha=0.3)
    print(alpha.shape, cut.shape)
    print(labels.shape, overlay.shape, mask.faces[0].landmarks[0], mask.skipped[0].reason, segface.__version__)
    return mask["hair"] | mask.group("skin")
