#!/usr/bin/env python3
"""Train SegFace on rendered faces.

usage: train.py RUN_FOLDER [--pool FOLDER] [--init CHECKPOINT] [options]

The run folder gets last.pt (to resume from: give the same command again), model_299.pt (averaged weights, official
layout) and log.txt. Faces are rendered when first needed, and kept in the pool.
"""

import argparse
import pathlib

import torch

from network import Network, load
from schedule import PHASES, Phase, rescaled
from trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--pool", type=pathlib.Path, default=pathlib.Path("pool"), help="folder of rendered faces")
    parser.add_argument("--faces", type=int, default=60000, help="how many different faces")
    parser.add_argument("--render-size", type=int, default=256, help="side of the renders in pixels")
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--init", type=pathlib.Path, help="start from these weights (official layout)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--phases",
        nargs="+",
        type=Phase.parse,
        metavar="PX:STEPS:BATCH:LR",
        default=PHASES,
        help="default: " + " ".join(map(str, PHASES)),
    )
    parser.add_argument("--scale", type=float, default=1.0, help="multiply the steps of all phases")
    parser.add_argument("--workers", type=int, default=2, help="processes that render and load")
    parser.add_argument("--threads", type=int, help="threads of PyTorch")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--no-bf16", action="store_true")
    parser.add_argument("--save-every", type=int, default=200, help="steps")
    parser.add_argument("--stop-after", type=int, help="stop after this many steps in all, as if interrupted")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    model = load(arguments.init, arguments.backbone) if arguments.init else Network(arguments.backbone)
    trainer = Trainer(model, arguments, rescaled(arguments.phases, arguments.scale))
    trainer.resume()
    trainer.run()


if __name__ == "__main__":
    main()
