"""RoI tanh warping, LaPa only: a face aligned by five points, the rest of the picture squeezed around it.

A pixel (x, y) of a square picture of side R is the point (x, y) / R * 2 - 1. The sampling itself takes pixel centres
at half integers (grid_sample, align_corners false), as the official code does.
"""
import torch
from torch.nn import functional as F

FACTOR = 0.8  # the part of a half axis that is squeezed; below 1 - FACTOR nothing is
STANDARD_POINTS = ((196, 226), (316, 226), (256, 286), (220, 360.4), (292, 360.4))  # in a picture of 512


def _similarity(points: torch.Tensor, side: int) -> torch.Tensor:
    """[B, 3, 3]: from the picture's pixels to those of the standard face; least squares over the points [B, 5, 2]."""
    standard = torch.tensor(STANDARD_POINTS, dtype=points.dtype, device=points.device) / 256 - 1
    target = ((standard + 1) * (side - 1) / 2).expand_as(points)
    from_mean, to_mean = points.mean(1), target.mean(1)
    f, t = points - from_mean[:, None], target - to_mean[:, None]
    square = (f * f).sum((1, 2))
    a = (t * f).sum((1, 2)) / square
    b = (t[..., 0] * f[..., 1] - t[..., 1] * f[..., 0]).sum(1) / square
    dx = to_mean[:, 0] - a * from_mean[:, 0] - b * from_mean[:, 1]
    dy = to_mean[:, 1] + b * from_mean[:, 0] - a * from_mean[:, 1]
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    return torch.stack((a, b, dx, -b, a, dy, zero, zero, one), dim=1).reshape(-1, 3, 3)


def _outside(c: torch.Tensor, bend) -> torch.Tensor:
    """Bends what lies beyond +-(1 - FACTOR)."""
    start = 1 - FACTOR
    bent = bend((c.abs() - start) / FACTOR) * FACTOR + start
    return torch.where(c.abs() > start, bent * c.sign(), c)


def _grid(side: int, like: torch.Tensor) -> torch.Tensor:
    axis = torch.arange(side, dtype=like.dtype, device=like.device)
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)  # [R, R, 2], x first


def _apply(matrix: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """[B, 3, 3] on the pixels [.., 2] of a grid -> [B, R, R, 2]."""
    return torch.einsum("bij,...yxj->byxi", matrix[:, :2, :2], grid) + matrix[:, None, None, :2, 2]


def _sample(image: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def warp(image: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
    """The network's input of a picture [B, C, R, R] with landmarks [B, 5, 2] in its pixels."""
    side = image.shape[-1]
    inverse = torch.linalg.inv(_similarity(landmarks, side))
    c = _grid(side, image) / side * 2 - 1
    c = _outside(c, lambda x: torch.atanh(x.clamp(-1 + 1e-3, 1 - 1e-3)))
    return _sample(image, _apply(inverse, (c + 1) / 2 * side) / side * 2 - 1)


def unwarp(logits: torch.Tensor, landmarks: torch.Tensor, side: int) -> torch.Tensor:
    """Logits [B, K, 4h, 4w] of a warped picture -> [B, K, R, R] of the picture itself."""
    c = _apply(_similarity(landmarks, side), _grid(side, logits)) / side * 2 - 1
    return _sample(logits, _outside(c, torch.tanh))
