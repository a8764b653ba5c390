"""Renders kept on disk, and what is done to them each time they are shown."""

import os
import pathlib

import cv2
import numpy as np
from torch.utils.data import Dataset

from faces import IGNORED, MIRRORED, TRAINING_SHARES, render

JPEG_QUALITY = 97


class Pool:
    """Face number i of a seed, as files; one that is not there yet is rendered and kept."""

    def __init__(self, folder, seed: int, size: int = 256):
        self.folder = pathlib.Path(folder) / f"seed{seed}_{size}px"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed, self.size = seed, size

    def paths(self, index: int):
        return self.folder / f"{index:06}.jpg", self.folder / f"{index:06}.png"

    def load(self, index: int):
        """Picture [size, size, 3] uint8 RGB and labels [size, size] uint8."""
        picture_path, label_path = self.paths(index)
        if not label_path.exists():  # the label is written last
            self._keep(index, picture_path, label_path)
        picture = cv2.imread(str(picture_path), cv2.IMREAD_COLOR)[..., ::-1]
        return picture, cv2.imread(str(label_path), cv2.IMREAD_GRAYSCALE)

    def _keep(self, index, picture_path, label_path):
        face = render(self.seed, index, self.size, shares=TRAINING_SHARES)
        coded = (
            cv2.imencode(".jpg", face.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1],
            cv2.imencode(".png", face.label)[1],
        )
        for path, data in zip((picture_path, label_path), coded):
            part = path.with_name(f".{path.name}.{os.getpid()}")  # whole files only, whoever is stopped when
            part.write_bytes(data.tobytes())
            part.replace(path)


class Shown(Dataset):
    """Items are (index of the face, seed of the changes): the same item always gives the same tensors."""

    def __init__(self, pool: Pool, size: int):
        self.pool, self.size = pool, size

    def __getitem__(self, item):
        index, seed = item
        picture, label = self.pool.load(index)
        return change(np.random.default_rng(seed), picture, label, self.size)


def change(rng, picture, label, size: int):
    """Move, mirror, recolour and partly hide a face; -> picture [size, size, 3], labels [size, size], both uint8.

    Labels are 255 (ignored) where the picture has nothing to show or is hidden by the rectangle.
    """
    picture, label = _move(rng, picture, label, size)
    if rng.random() < 0.5:
        picture, label = picture[:, ::-1], MIRRORED[label[:, ::-1]]
    picture = _recolour(rng, picture)
    if rng.random() < 0.25:
        height, width = (int(v) for v in rng.uniform(0.06, 0.3, 2) * size)
        y, x = (int(rng.integers(0, size - v + 1)) for v in (height, width))
        picture[y : y + height, x : x + width] = (
            rng.integers(0, 256, 3) if rng.random() < 0.5 else rng.integers(0, 256, (height, width, 3))
        )
        label = label.copy()
        label[y : y + height, x : x + width] = IGNORED
    return np.ascontiguousarray(picture), np.ascontiguousarray(label)


def _move(rng, picture, label, size):
    scale = np.exp(rng.normal(0, 0.12)) * size / len(picture)
    turn = cv2.getRotationMatrix2D((len(picture) / 2 - 0.5,) * 2, rng.normal(0, 8), scale)
    turn[:, 2] += (size - len(picture)) / 2 + rng.normal(0, 0.04, 2) * size
    if scale < 0.75:  # warpAffine does not average: shrink first
        share = max(scale, 0.25)
        small = max(1, int(round(len(picture) * share)))
        ratio = len(picture) / small
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        shrunk = turn.copy()
        shrunk[:, :2] *= ratio
        shrunk[:, 2] += turn[:, :2].sum(1) * (ratio - 1) / 2
        picture = cv2.warpAffine(picture, shrunk, (size, size), borderMode=cv2.BORDER_REPLICATE)
    else:
        picture = cv2.warpAffine(picture, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
    label = cv2.warpAffine(
        label, turn, (size, size), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=IGNORED
    )
    return picture, label


def _recolour(rng, picture):
    """Gain, cast and gamma as one table a channel; now and then grey, or noisy."""
    level = np.linspace(0, 1, 256)
    gamma, gain = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.1))
    casts = gain * (1 + rng.normal(0, 0.03, 3))
    table = np.clip(255 * casts[None] * level[:, None] ** gamma, 0, 255).astype(np.uint8)
    picture = cv2.LUT(np.ascontiguousarray(picture), table[None])
    if rng.random() < 0.1:
        picture[:] = picture.mean(2, keepdims=True).astype(np.uint8)
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 8), picture.shape).astype(np.float32)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return picture
