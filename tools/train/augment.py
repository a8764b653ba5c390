"""What pool.change does to a face each time it is shown, done to a whole batch at once where the tensors are."""

import math

import torch
from torch.nn import functional as F

from faces import IGNORED, MIRRORED


def change_batch(pictures, labels, size: int, generator):
    """uint8 pictures [B, S, S, 3] and labels [B, S, S] -> floats [B, 3, size, size], 0 to 255, and labels, long.

    The same changes with the same chances as pool.change: moved, mirrored, recoloured, partly hidden; labels are
    ignored where there is nothing to see.
    """
    changes = _Chances(len(pictures), pictures.device, generator)
    grid, mirrored = _grid(changes, size, pictures.device)
    picture = F.grid_sample(
        pictures.permute(0, 3, 1, 2).float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    # One more than the label, so that outside, which is 0, is none of them.
    moved = F.grid_sample((labels[:, None].float() + 1), grid, mode="nearest", align_corners=False)[:, 0].long()
    label = torch.where(moved == 0, IGNORED, moved - 1)
    swapped = torch.from_numpy(MIRRORED).to(pictures.device).long()[label]
    label = torch.where(mirrored[:, None, None], swapped, label)
    picture = _recolour(changes, picture)
    return _hide(changes, picture, label)


class _Chances:
    """Random numbers, one a picture."""

    def __init__(self, count, device, generator):
        self.count, self.device, self.generator = count, device, generator

    def uniform(self, low=0.0, high=1.0, *shape):
        size = (self.count, *shape)
        return low + (high - low) * torch.rand(size, device=self.device, generator=self.generator)

    def normal(self, deviation, *shape):
        return deviation * torch.randn((self.count, *shape), device=self.device, generator=self.generator)

    def happens(self, chance):
        return self.uniform() < chance


def _grid(changes, size, device):
    """Where in the picture, from -1 to 1, each pixel is taken from; and which pictures are mirrored."""
    scale = torch.exp(changes.normal(0.12))  # of the whole picture: it is enlarged where this is above 1
    angle = changes.normal(math.radians(8))
    shift = 2 * changes.normal(0.04, 2)
    mirrored = changes.happens(0.5)
    across = torch.where(mirrored, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    # place = turn (pixel mirrored - shift) / scale
    matrix = torch.stack(
        [
            torch.stack([across * cos, -sin, -cos * shift[:, 0] + sin * shift[:, 1]], 1),
            torch.stack([across * sin, cos, -sin * shift[:, 0] - cos * shift[:, 1]], 1),
        ],
        1,
    )
    return F.affine_grid(matrix, (changes.count, 1, size, size), align_corners=False), mirrored


def _recolour(changes, picture):
    """Gain, cast and gamma; now and then grey, or noisy."""
    gamma = torch.exp(changes.normal(0.15))[:, None, None, None]
    gain = torch.exp(changes.normal(0.1))[:, None, None, None]
    casts = gain * (1 + changes.normal(0.03, 3)[:, :, None, None])
    picture = (255 * casts * (picture / 255).clamp(min=0) ** gamma).clamp(0, 255)
    grey = changes.happens(0.1)[:, None, None, None]
    picture = torch.where(grey, picture.mean(1, keepdim=True), picture)
    strength = changes.uniform(1, 8) * changes.happens(0.3)
    return (picture + strength[:, None, None, None] * changes.normal(1.0, *picture.shape[1:])).clamp(0, 255)


def _hide(changes, picture, label):
    """A quarter of the pictures has a rectangle of one colour, or of noise, which the loss ignores."""
    size = picture.shape[-1]
    extent = changes.uniform(0.06, 0.3, 2) * size
    start = changes.uniform(0, 1, 2) * (size - extent)
    place = torch.arange(size, device=picture.device)[None]
    rows, columns = ((place >= start[:, i, None]) & (place < (start + extent)[:, i, None]) for i in range(2))
    inside = rows[:, :, None] & columns[:, None, :] & changes.happens(0.25)[:, None, None]
    plain = changes.uniform(0, 255, 3)[:, :, None, None].expand_as(picture)
    noise = changes.uniform(0, 255, *picture.shape[1:])
    hidden = torch.where(changes.happens(0.5)[:, None, None, None], plain, noise)
    return torch.where(inside[:, None], hidden, picture), torch.where(inside, IGNORED, label)
