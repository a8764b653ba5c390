"""Synthetic weights: every tensor is a hash of its own name, so that a program in any language can rebuild them.

    value(name, i) = offset + scale x,   x in [-1, 1)
    h = FNV-1a-64(name) xor seed G,   z = splitmix64's finaliser of h + (i + 1) G,   x = (z >> 40) / 2^23 - 1

with G = 0x9E3779B97F4A7C15, modulo 2^64; computed in double, then rounded to float32. The scales keep activations
from dying or exploding in every backbone.
"""
import math

import numpy as np
import torch

_G = 0x9E3779B97F4A7C15
_BITS = 0xFFFFFFFFFFFFFFFF


def fnv1a(name: str) -> int:
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & _BITS
    return value


def uniform(name: str, count: int, seed: int) -> np.ndarray:
    start = np.uint64(fnv1a(name) ^ (seed * _G & _BITS))
    with np.errstate(over="ignore"):
        z = start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_G)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1


# (offset, scale) by how a name ends.
_BY_ENDING = {
    "running_mean": (0.0, 0.1),
    "running_var": (1.0, 0.25),
    "positional_encoding_gaussian_matrix": (0.0, 1.7),
    "relative_position_bias_table": (0.0, 0.5),
    "logit_scale": (2.3, 0.3),
    "layer_scale": (0.3, 0.1),
    "_token.weight": (0.0, 1.0),
}
_COMPUTED = ("num_batches_tracked", "relative_position_index", "relative_coords_table")


def _gain(name: str, shape) -> float:
    """The variance a weight adds."""
    if not name.startswith("backbone.") or len(shape) != 4:
        return 1.0
    depthwise = shape[1] == 1
    part = name.split(".")
    if part[2] == "block":  # MobileNetV3
        return 4.0 if depthwise else 1.25
    if len(part) > 3 and part[3] == "block":  # EfficientNetV2
        return 1.0
    return 1.5 if depthwise else 1.25


def offset_and_scale(name: str, shape) -> tuple[float, float]:
    for ending, values in _BY_ENDING.items():
        if name.endswith(ending):
            return values
    if len(shape) == 1:
        return (1.0, 0.1) if name.endswith(".weight") else (0.0, 0.1)
    # A transposed convolution's weight is in x out x k x k, every other one's out x in x ...
    transposed = name.startswith("face_decoder.output_upscaling")
    fan_in = shape[0] if transposed else math.prod(shape[1:])
    return 0.0, math.sqrt(3 * _gain(name, shape) / fan_in)


def synthetic_tensor(name: str, shape, seed: int) -> torch.Tensor:
    offset, scale = offset_and_scale(name, shape)
    values = offset + scale * uniform(name, math.prod(shape), seed)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def fill_with_synthetic_values(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Every parameter and float buffer; what the model computes itself (indices, coordinates, counts) stays."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.endswith(_COMPUTED):
                tensor.copy_(synthetic_tensor(name, tuple(tensor.shape), seed))
    return model
