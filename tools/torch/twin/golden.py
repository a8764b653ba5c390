"""Goldens: what the network computes at each stage on one picture, sampled on a grid, in a safetensors file.

A stage X [C, h, w] is stored as X [C, rows, cols] with its positions X.rows and X.cols (int64); `tokens` and `hyper`
whole; `mask`, the labels at the picture's size, whole or sampled like a stage. The metadata say which network, which
picture, which seed of the synthetic weights.
"""
import math
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from .model import DEVIATION, MEAN

_WHOLE = ("tokens", "hyper")


def read_picture(path: pathlib.Path, height: int, width: int) -> torch.Tensor:
    """[1, 3, height, width], as the official code prepares it: Pillow's bicubic, mean and deviation of ImageNet."""
    picture = Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(picture, np.float64)) / 255
    return ((pixels - torch.tensor(MEAN)) / torch.tensor(DEVIATION)).permute(2, 0, 1)[None]


@torch.no_grad()
def run(model, pictures: torch.Tensor, landmarks: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    """Every stage of a batch of pictures [B, 3, H, W], with `probability` [B, K, H, W] and `mask` [B, H, W]."""
    stages = {}

    def record(name, value):
        stages[name] = value
        return value

    logits = model(pictures, landmarks, record)
    resized = F.interpolate(logits, size=pictures.shape[2:], mode="bilinear", align_corners=False)
    stages["probability"] = resized.softmax(dim=1)
    stages["mask"] = resized.argmax(dim=1).to(torch.uint8)
    return stages


def _positions(size: int, count: int) -> torch.Tensor:
    """Evenly spread, both edges among them, where the padding is."""
    return torch.linspace(0, size - 1, min(size, count)).round().long()


def write(path: pathlib.Path, stages: dict[str, torch.Tensor], index: int, metadata: dict[str, str],
          values_per_stage: int, landmarks: torch.Tensor | None = None) -> None:
    """Picture `index` of the batch."""
    others = {} if landmarks is None else {"landmarks": landmarks[index].float().contiguous()}
    metadata = {**metadata, "logits_std": f"{stages['logits'][index].std():.6g}"}
    write_stages(path, stages, index, metadata, values_per_stage, others)


def write_stages(path: pathlib.Path, stages: dict[str, torch.Tensor], index: int, metadata: dict[str, str],
                 values_per_stage: int, others: dict[str, torch.Tensor] | None = None) -> None:
    """The same of any network: stages [B, C, h, w] sampled, [B, C] whole as [1, C]."""
    tensors = {}
    for name, stage in stages.items():
        value = stage[index]
        if name in _WHOLE or value.dim() == 1:
            tensors[name] = torch.atleast_2d(value.float()).contiguous()
            continue
        planes = value.shape[:-2].numel()
        count = max(2, math.isqrt(values_per_stage // planes))
        rows, cols = _positions(value.shape[-2], count), _positions(value.shape[-1], count)
        sampled = value[..., rows[:, None], cols]
        tensors[name] = (sampled if name == "mask" else sampled.float()).contiguous()
        tensors[f"{name}.rows"], tensors[f"{name}.cols"] = rows, cols
    save_file({**tensors, **(others or {})}, path, metadata)


class Golden:
    """A golden read back."""

    def __init__(self, path: pathlib.Path):
        with safe_open(path, "pt") as file:
            self.metadata = file.metadata()
            self.tensors = {name: file.get_tensor(name) for name in file.keys()}

    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        side = int(self.metadata["resolution"])
        return int(self.metadata.get("height", side)), int(self.metadata.get("width", side))

    def landmarks(self) -> torch.Tensor | None:
        return self.tensors["landmarks"][None] if "landmarks" in self.tensors else None

    def compare(self, stages: dict[str, torch.Tensor]) -> dict[str, float]:
        """Of each stage of a batch of one, the largest difference over the largest that counts as equal."""
        spread = float(self.metadata["logits_std"])
        lapa = self.metadata["dataset"] == "lapa"
        found = {}
        for name, stage in stages.items():
            golden, got = self.tensors[name], stage[0]
            if f"{name}.rows" in self.tensors:
                got = got[..., self.tensors[f"{name}.rows"][:, None], self.tensors[f"{name}.cols"]]
            if name == "mask":
                found[name] = float((golden != got).double().mean() / 1e-3)
                continue
            if lapa:
                bound = (4e-3 if name == "probability" else 2e-3) * golden.double().std()
            else:
                bound = 1e-3 * spread if name == "logits" else 2e-4 * golden.double().std()
            found[name] = float((golden.double() - got.double()).abs().max() / bound)
        return found
