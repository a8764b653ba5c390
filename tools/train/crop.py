"""The crop of CelebA-HQ around a face of any photograph, from its eyes and mouth."""

import cv2
import numpy as np


def celeba_square(left_eye, right_eye, mouth) -> np.ndarray:
    """Corners [4, 2] of the crop in the photograph's pixels: top left, bottom left, bottom right, top right.

    Eyes are left and right as seen in the picture; mouth is the middle of its corners.
    """
    left_eye, right_eye, mouth = (np.asarray(p, np.float64) for p in (left_eye, right_eye, mouth))
    between, middle = right_eye - left_eye, (left_eye + right_eye) / 2
    to_mouth = mouth - middle
    x = between - _turned(to_mouth)
    x *= max(2.0 * np.linalg.norm(between), 1.8 * np.linalg.norm(to_mouth)) / np.linalg.norm(x)
    y, centre = _turned(x), middle + 0.1 * to_mouth
    return np.array([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def _turned(vector):
    """A quarter turn: x to the right becomes y down."""
    return np.array([-vector[1], vector[0]])


def cut(photograph, square, size: int):
    """(crop [size, size, 3], affine map of the photograph's pixels to the crop's); outside, the edge goes on."""
    target = np.float32([[-0.5, -0.5], [-0.5, size - 0.5], [size - 0.5, size - 0.5]])
    matrix = cv2.getAffineTransform(np.float32(square[:3]), target)
    shrink = max(1, int(round(1 / np.sqrt(abs(np.linalg.det(matrix[:, :2]))))))
    large = matrix * shrink  # sample finely, then average: warpAffine alone would alias
    large[:, 2] += (shrink - 1) / 2
    side = size * shrink
    crop = cv2.warpAffine(photograph, large, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), matrix
