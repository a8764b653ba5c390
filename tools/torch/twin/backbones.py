"""Backbones: torchvision's networks, cut before the classifier, tapped at strides 4, 8, 16 and 32.

What follows the last tap (a final norm, a pool) is kept although nothing reads it: its tensors are in the official
checkpoints, and a strict load wants them.
"""
from dataclasses import dataclass
from typing import Callable

from torch import nn
from torchvision import models


def _without_last(network: nn.Module) -> nn.Sequential:
    return nn.Sequential(*list(network.children())[:-1])


def _features(network: nn.Module) -> nn.Sequential:
    return network.features


@dataclass(frozen=True)
class Variant:
    build: Callable[..., nn.Module]  # of torchvision.models
    cut: Callable[[nn.Module], nn.Sequential]
    taps: tuple[str, str, str, str]  # names, inside the cut network, of the modules whose outputs are the maps
    channels: tuple[int, int, int, int]
    channels_last: bool = False  # the maps come as [B, h, w, C]


_STAGES = ("0.1", "0.3", "0.5", "0.7")

BACKBONES = {
    "swin_base": Variant(models.swin_b, _without_last, _STAGES, (128, 256, 512, 1024), True),
    "swinv2_base": Variant(models.swin_v2_b, _without_last, _STAGES, (128, 256, 512, 1024), True),
    "swinv2_small": Variant(models.swin_v2_s, _without_last, _STAGES, (96, 192, 384, 768), True),
    "swinv2_tiny": Variant(models.swin_v2_t, _without_last, _STAGES, (96, 192, 384, 768), True),
    "convnext_base": Variant(models.convnext_base, _without_last, _STAGES, (128, 256, 512, 1024)),
    "convnext_small": Variant(models.convnext_small, _without_last, _STAGES, (96, 192, 384, 768)),
    "resnet": Variant(models.resnet101, _without_last, ("4", "5", "6", "7"), (256, 512, 1024, 2048)),
    "mobilenet": Variant(models.mobilenet_v3_large, _features, ("3", "6", "12", "16"), (24, 40, 112, 960)),
    "efficientnet": Variant(models.efficientnet_v2_m, _features, ("2", "3", "5", "8"), (48, 80, 176, 1280)),
}


def make_backbone(name: str) -> nn.Sequential:
    variant = BACKBONES[name]
    return variant.cut(variant.build(weights=None))


def pyramid(backbone: nn.Sequential, name: str, image):
    """The four maps [B, C_i, h_i, w_i] of an image [B, 3, H, W], finest first."""
    variant = BACKBONES[name]
    # One level of nesting at most: "0.3" is module 3 of the features, which are module 0 of the cut network.
    layers = backbone[0] if "." in variant.taps[0] else backbone
    wanted = {int(tap.split(".")[-1]) for tap in variant.taps}
    maps, x = [], image
    for index, layer in enumerate(layers):
        x = layer(x)
        if index in wanted:
            maps.append(x.permute(0, 3, 1, 2) if variant.channels_last else x)
        if len(maps) == len(wanted):
            return maps
    raise AssertionError(f"{name} ends before its last tap")
