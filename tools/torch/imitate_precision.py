#!/usr/bin/env python3
"""Imitate bf16 and int8 products in the twin, and count the labels that change: what reduced precision would cost.

usage: imitate_precision.py [WEIGHTS.safetensors] [--renders N] [--photos FILE...] [--side PX] [--layers]

A product's operands are rounded and the sums stay in float32, as the cpu backend's products would be:

    bf16   both to the nearest bfloat16
    int8   weights to int8, one scale an output channel, by least squared error; rows of the input to 8 bits when they
           come, each with a scale and a zero point of its own

What is rounded: linear layers and convolutions of 1 x 1 and of 2 x 2 transposed ones. Depthwise and k x k convolutions,
attention's own products and layers with fewer than 64 inputs or 32 outputs stay as they are. Printed: the share of
labels, at the network's own resolution, that are float32's, over all pictures and in the worst one; mean F1 on renders
against their truth; and with --layers the labels that each layer changes alone.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/train"))
from twin import SegFace  # noqa: E402
from twin.model import CLASSES, DEVIATION, MEAN  # noqa: E402

LEAST_INPUTS, LEAST_OUTPUTS = 64, 32
SHRINKS = [1 - 0.02 * step for step in range(20)]  # of a channel's largest weight, tried for its scale


def int8_weight(rows: torch.Tensor) -> torch.Tensor:
    """[out, in] -> the same, rounded to 255 levels a row, of the scales tried the one with the least squared error."""
    largest = rows.abs().amax(1, keepdim=True).clamp(min=1e-30)
    best, least = rows.clone(), torch.full_like(largest, float("inf"))
    for shrink in SHRINKS:
        scale = largest * shrink / 127
        rounded = (rows / scale).round().clamp(-127, 127) * scale
        error = (rounded - rows).square().sum(1, keepdim=True)
        best, least = torch.where(error < least, rounded, best), torch.minimum(error, least)
    return best


def int8_rows(x: torch.Tensor) -> torch.Tensor:
    """The last axis to 256 levels between the smallest and the largest of each row and zero."""
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0)
    scale = ((high - low) / 255).clamp(min=1e-30)
    zero = (-low / scale).round()
    return ((x / scale).round() + zero).clamp(0, 255).sub(zero) * scale


def bfloat16(x: torch.Tensor) -> torch.Tensor:
    return x.bfloat16().float()


ROUNDINGS = {"bf16": (bfloat16, bfloat16), "int8": (int8_weight, int8_rows)}


class Products:
    """The products of a network that can be rounded, by name."""

    def __init__(self, model: nn.Module):
        self.modules, self.weights = {}, {}
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d) and (module.kernel_size != (1, 1) or module.groups != 1):
                continue
            if not isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                continue
            matrix = self.matrix(module, module.weight)
            if matrix.shape[1] >= LEAST_INPUTS and matrix.shape[0] >= LEAST_OUTPUTS:
                self.modules[name], self.weights[name] = module, module.weight.data.clone()
        self.hooks = []

    @staticmethod
    def matrix(module, weight):
        """[out, in] of a layer's weight."""
        return weight.flatten(1).t() if isinstance(module, nn.ConvTranspose2d) else weight.flatten(1)

    def use(self, precisions: dict) -> None:
        """{name: "bf16" or "int8"}: what is not named is float32."""
        for hook in self.hooks:
            hook.remove()
        self.hooks = []
        for name, module in self.modules.items():
            weight = self.weights[name]
            if name not in precisions:
                module.weight.data = weight
                continue
            of_weight, of_rows = ROUNDINGS[precisions[name]]
            rounded = of_weight(self.matrix(module, weight))
            if isinstance(module, nn.ConvTranspose2d):
                rounded = rounded.t()
            module.weight.data = rounded.reshape(weight.shape).contiguous()
            last = isinstance(module, nn.Linear)
            self.hooks.append(module.register_forward_pre_hook(
                lambda _, inputs, of_rows=of_rows, last=last:
                (of_rows(inputs[0]) if last else of_rows(inputs[0].movedim(1, -1)).movedim(-1, 1),)))


def pictures(options):
    """Normalised pictures [n, 3, side, side], and the labels of those that are renders."""
    from faces import render

    shown, truths = [], []
    for index in range(options.renders):
        face = render(20000, index, options.side, 7)
        shown.append(face.picture)
        truths.append(face.label)
    for path in options.photos:
        shown.append(np.asarray(Image.open(path).convert("RGB").resize((options.side, options.side), Image.BILINEAR)))
    values = torch.tensor(np.stack(shown)).movedim(-1, 1).float() / 255
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, DEVIATION))
    return (values - mean) / deviation, truths


@torch.inference_mode()
def labels_of(model, images):
    return np.concatenate([model(batch).argmax(1).numpy().astype(np.uint8) for batch in images.split(4)])


def mean_f1(labels, truths) -> float:
    """Over classes but background, of labels scaled up to the truths' size by repetition."""
    classes = len(CLASSES["celeb"])
    confusion = np.zeros((classes, classes), np.int64)
    for found, truth in zip(labels, truths):
        factor = truth.shape[0] // found.shape[0]
        found = found.repeat(factor, 0).repeat(factor, 1)
        confusion += np.bincount(truth.ravel().astype(np.int64) * classes + found.ravel(),
                                 minlength=classes * classes).reshape(classes, classes)
    right, both = np.diag(confusion), confusion.sum(0) + confusion.sum(1)
    return float(np.mean((2 * right / np.maximum(both, 1))[1:][both[1:] > 0]))


def iou_lost(labels, before) -> tuple:
    """The class that keeps least of its float32 labels, as intersection over union, and that share."""
    least = (1.0, "")
    for label, name in enumerate(CLASSES["celeb"]):
        union = ((labels == label) | (before == label)).sum()
        if union >= 100:
            least = min(least, (((labels == label) & (before == label)).sum() / union, name))
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=pathlib.Path, nargs="?", default=ROOT / "weights/demo.safetensors")
    parser.add_argument("--renders", type=int, default=100)
    parser.add_argument("--photos", type=pathlib.Path, nargs="*", default=[], help="square crops of a face")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--layers", action="store_true", help="each layer alone, on 16 renders")
    options = parser.parse_args()
    model = SegFace("mobilenet", "celeb").eval()
    model.load_state_dict({name: value.float() for name, value in load_file(options.weights).items()}, strict=False)
    products = Products(model)
    images, truths = pictures(options)
    before = labels_of(model, images)
    print(f"{len(images)} pictures of {options.side} x {options.side}, {len(products.modules)} layers; "
          f"mean F1 in float32 {mean_f1(before, truths):.4f}")

    def report(title, precisions):
        products.use(precisions)
        labels = labels_of(model, images)
        shares = (labels == before).mean((1, 2))
        kept, worst = iou_lost(labels, before)
        print(f"{title:34} labels equal {100 * (labels == before).mean():.3f} %, worst picture {100 * shares.min():.2f} %, "
              f"worst class {worst} {100 * kept:.2f} %, F1 {mean_f1(labels, truths):.4f}", flush=True)

    names = list(products.modules)
    decoder = [name for name in names if name.startswith("face_decoder")]
    for precision in ROUNDINGS:
        report(f"{precision}, all", dict.fromkeys(names, precision))
        report(f"{precision}, decoder", dict.fromkeys(decoder, precision))
        report(f"{precision}, backbone and fusion", dict.fromkeys(set(names) - set(decoder), precision))
    if not options.layers:
        return
    few, reference = images[:16], before[:16]
    for precision in ROUNDINGS:
        changed = {}
        for name in names:
            products.use({name: precision})
            changed[name] = (labels_of(model, few) != reference).mean()
        for name in sorted(names, key=changed.get, reverse=True):
            print(f"{precision} {100 * changed[name]:7.4f} % changed by {name}")


if __name__ == "__main__":
    main()
