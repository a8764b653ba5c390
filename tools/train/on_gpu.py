#!/usr/bin/env python3
"""Go on training from a weight file for some minutes, on renders as they come: a GPU learns while all processors draw.

usage: on_gpu.py OUT [--init WEIGHTS.safetensors] [--seconds N] [options]

Every --save-every seconds the averaged weights are scored on renders of a seed and textures that training never sees,
and written to OUT, as float16 under the official names, to weights_0.safetensors and weights_1.safetensors in turn,
each whole or not at all. OUT/log.txt has losses, speed, and F1 of every class of each. A weight file of one is made by

    segface convert OUT/weights_0.safetensors --dataset celeb --resolution 256 --dtype f16

Exit code 7: no GPU, where --device is cuda.
"""

import argparse
import copy
import math
import os
import pathlib
import sys
import time

from renderers import Renderers

WARM_UP = 0.03  # of the time, in which the learning rate rises
DECAY = 0.998  # of the average of the weights, a step


class Training:
    """The network, its average, and the faces on the device."""

    def __init__(self, torch, options):
        from network import load

        self.torch, self.options, self.device = torch, options, torch.device(options.device)
        self.model = load(options.init).to(self.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.means, self.values = (
            [value for value in network.state_dict().values() if value.is_floating_point()]
            for network in (self.average, self.model)
        )
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}],
            betas=(0.9, 0.98),
            fused=self.device.type == "cuda",
        )
        shape = (options.faces, options.size, options.size)
        self.pictures = torch.empty((*shape, 3), dtype=torch.uint8, device=self.device)
        self.labels = torch.empty(shape, dtype=torch.uint8, device=self.device)
        self.generator = torch.Generator(self.device).manual_seed(options.seed)
        self.rendered = self.step = 0
        self.held_out = []
        self.sums = torch.zeros(2, device=self.device)  # of loss and cross-entropy since the last report
        self.counted = 0

    def receive(self, message) -> None:
        """Keeps rendered faces; where there is no room, in place of the oldest."""
        is_held_out, pictures, labels = message
        if is_held_out:
            self.held_out.append((pictures, labels))
            return
        count = min(len(pictures), self.options.faces)
        at = self.rendered % self.options.faces
        at = min(at, self.options.faces - count)
        self.pictures[at : at + count] = self.torch.from_numpy(pictures[:count]).to(self.device)
        self.labels[at : at + count] = self.torch.from_numpy(labels[:count]).to(self.device)
        self.rendered += count

    def learn(self, share: float) -> None:
        """One step; share of the time that is over, 0 to 1."""
        from augment import change_batch
        from loss import loss
        from twin.model import DEVIATION, MEAN

        torch, options = self.torch, self.options
        late = share >= 1 - options.late_share
        size, batch = (options.late_size, options.late_batch) if late else (options.size, options.batch)
        rate = options.rate * min(share / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * min(share, 1)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        here = min(self.rendered, options.faces)
        chosen = torch.randint(0, here, (batch,), device=self.device, generator=self.generator)
        pictures, labels = change_batch(self.pictures[chosen], self.labels[chosen], size, self.generator)
        mean, deviation = (torch.tensor(v, device=self.device)[:, None, None] * 255 for v in (MEAN, DEVIATION))
        image = ((pictures - mean) / deviation).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.model(image)
        value, entropy = loss(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        decay = min(DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self.means, self.values, 1 - decay)
        self.sums += torch.stack([value.detach(), entropy])
        self.counted += 1

    def losses(self):
        means = (self.sums / max(1, self.counted)).tolist()
        self.sums.zero_()
        self.counted = 0
        return means

    def score(self):
        """F1 of each class of the averaged weights on the held-out faces."""
        import numpy as np
        from faces import NAMES
        from network import predict_labels

        confusion = np.zeros((len(NAMES), len(NAMES)), np.int64)
        for pictures, labels in self.held_out:
            found = predict_labels(self.average, pictures)
            pairs = labels.ravel().astype(np.int64) * len(NAMES) + found.ravel()
            confusion += np.bincount(pairs, minlength=confusion.size).reshape(confusion.shape)
        pixels = confusion.sum(0) + confusion.sum(1)  # true and claimed
        scores = 2 * np.diag(confusion) / np.maximum(pixels, 1)
        return {name: float(scores[k]) for k, name in enumerate(NAMES) if k > 0 and pixels[k] > 0}

    def save(self, path: pathlib.Path) -> None:
        from safetensors.torch import save_file

        tensors = {
            name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
            for name, value in self.average.state_dict().items()
        }
        part = path.with_suffix(".part")
        save_file(tensors, part)
        part.chmod(0o644)
        part.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--init", type=pathlib.Path, default=here.parents[1] / "weights" / "demo.safetensors")
    parser.add_argument("--seconds", type=float, default=440, help="from the start of this program")
    parser.add_argument("--save-every", type=float, default=60)
    parser.add_argument("--size", type=int, default=256, help="side of renders and of pictures shown")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate; falls to nothing at the end")
    parser.add_argument("--late-share", type=float, default=0, help="of the time, at the end, with larger pictures")
    parser.add_argument("--late-size", type=int, default=320)
    parser.add_argument("--late-batch", type=int, default=40)
    parser.add_argument("--faces", type=int, default=100000, help="kept on the device; 0.26 MB each")
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the faces; another one each time")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    log = open(options.out / "log.txt", "w")

    def say(text):
        print(text, flush=True)
        print(text, file=log, flush=True)

    renderers = Renderers(options.workers, options.seed, options.size, options.held_out)
    try:
        import torch

        if options.device == "cuda" and not torch.cuda.is_available():
            print("no device", file=sys.stderr)
            return 7
        return train(torch, options, renderers, began, say)
    except ImportError as reason:
        print(f"no PyTorch: {reason}", file=sys.stderr)
        return 127
    finally:
        renderers.stop()


def train(torch, options, renderers, began, say) -> int:
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    training = Training(torch, options)
    name = torch.cuda.get_device_name() if training.device.type == "cuda" else "the CPU"
    say(f"on {name}, {options.workers} renderers, seed {options.seed}, {vars(options)}")
    elapsed = lambda: time.monotonic() - began  # noqa: E731
    while training.rendered < 4 * options.batch or sum(len(p) for p, _ in training.held_out) < options.held_out:
        message = renderers.take(wait=5)
        if message is not None:
            training.receive(message)
        if elapsed() > options.seconds:
            say(f"no time: {training.rendered} faces in {elapsed():.0f} s")
            return 1
    start, saves = elapsed(), 0
    say(f"{start:.0f} s: begins with {training.rendered} faces; F1 {text_of(training.score())}")
    next_save = elapsed() + options.save_every
    while True:
        share = (elapsed() - start) / max(1e-3, options.seconds - start)
        over = share >= 1
        if not over:
            training.learn(share)
        while (message := renderers.take()) is not None:
            training.receive(message)
        if not over and elapsed() < next_save:
            continue
        next_save = elapsed() + options.save_every
        loss, entropy = training.losses()
        scores = training.score()
        path = options.out / f"weights_{saves % 2}.safetensors"
        training.save(path)
        saves += 1
        shown = training.step * options.batch / max(1, training.rendered)
        say(
            f"{elapsed():.0f} s: step {training.step}, {training.rendered} faces, each shown {shown:.1f} times, loss "
            f"{loss:.4f}, cross-entropy {entropy:.4f}; F1 {text_of(scores)}; {path.name}"
        )
        if over:
            return 0


def text_of(scores) -> str:
    mean = sum(scores.values()) / len(scores)
    return f"{mean:.4f} ({', '.join(f'{name} {score:.3f}' for name, score in scores.items())})"


if __name__ == "__main__":
    sys.exit(main())
