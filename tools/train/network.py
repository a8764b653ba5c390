"""The network to train: the twin in tools/torch, its fusion rearranged to be quicker."""

import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "torch"))

from twin import SegFace, load_checkpoint, save_checkpoint  # noqa: E402
from twin.decoder import WIDTH  # noqa: E402
from twin.model import DEVIATION, MEAN  # noqa: E402

__all__ = ["Network", "load", "normalise", "predict_labels", "save_checkpoint"]


class Network(SegFace):
    """SegFace for CelebAMask-HQ: the same tensors under the same names, and the same logits up to rounding.

    The 1 x 1 fusion is applied to each level at its own size, before that level is enlarged: both are linear.
    """

    def __init__(self, backbone: str = "mobilenet"):
        super().__init__(backbone, "celeb")

    def fuse(self, maps):
        size = maps[0].shape[2:]
        fused = 0
        for level, (linear, feature) in enumerate(zip(self.linear_c, maps)):
            first = (len(maps) - 1 - level) * WIDTH  # levels meet the fusion's columns in reversed order
            part = F.conv2d(linear(feature), self.linear_fuse.weight[:, first : first + WIDTH])
            fused = fused + F.interpolate(part, size=size, mode="bilinear", align_corners=False)
        return fused


def load(path, backbone: str = "mobilenet") -> Network:
    """A network with the weights of an official-layout checkpoint, or of a weight file (.safetensors), ready to predict."""
    network = Network(backbone)
    return (_read_weights if pathlib.Path(path).suffix == ".safetensors" else load_checkpoint)(network, path).eval()


def _read_weights(network, path):
    """A weight file of segface leaves out what no pass reads."""
    from safetensors.torch import load_file

    missing, unexpected = network.load_state_dict({k: v.float() for k, v in load_file(path).items()}, strict=False)
    lost = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lost or unexpected:
        raise SystemExit(f"{path}: lacks {lost[:3]}, has {unexpected[:3]} besides; expected {network.backbone_name} of celeb")
    return network


def normalise(pictures: torch.Tensor) -> torch.Tensor:
    """uint8 [B, H, W, 3] -> float [B, 3, H, W], channels last in memory."""
    mean, deviation = (torch.tensor(v, device=pictures.device) * 255 for v in (MEAN, DEVIATION))
    return ((pictures.float() - mean) / deviation).permute(0, 3, 1, 2)


@torch.inference_mode()
def predict_labels(model: Network, pictures: np.ndarray, flip: bool = False) -> np.ndarray:
    """uint8 [B, H, W, 3] -> labels [B, H, W]; `flip` averages over the mirrored pictures too."""
    device = next(model.parameters()).device
    image = normalise(torch.from_numpy(np.ascontiguousarray(pictures)).to(device))
    scores = _probabilities(model, image)
    if flip:
        from faces.labels import MIRRORED, NAMES

        swapped = torch.from_numpy(MIRRORED[: len(NAMES)].astype(np.int64)).to(device)
        scores = scores + _probabilities(model, image.flip(3)).flip(3)[:, swapped]
    return scores.argmax(1).to(torch.uint8).cpu().numpy()


def _probabilities(model, image):
    logits = F.interpolate(model(image).float(), size=image.shape[2:], mode="bilinear", align_corners=False)
    return logits.softmax(1)
