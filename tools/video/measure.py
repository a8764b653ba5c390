#!/usr/bin/env python3
"""Measures what `segface video` gains by smoothing: flicker, F1, lag, ghosts behind a cut; and draws the picture of it.

usage: measure.py SEGFACE FOLDER [--seeds 4 2 12] [--option=--smooth=1 ...] [--picture FILE.jpg]

SEGFACE is the program. Clips are kept in FOLDER, so that a second run renders nothing. Compared are `--smooth 0 --every 1`,
each frame as a photo of its own, and what `segface video` does by itself or with the options that are given.
"""

import argparse
import pathlib
import subprocess

import cv2
import numpy as np

import clips

CLASSES = 19
SINGLE = ["--smooth", "0", "--every", "1"]


def write_ppm(frames) -> bytes:
    return b"".join(b"P6\n%d %d\n255\n" % frame.shape[1::-1] + frame.tobytes() for frame in frames)


def labels_of(segface, frames, options) -> np.ndarray:
    """[n, size, size]: what the program says of the frames."""
    done = subprocess.run(
        [segface, "video", "--labels", "-q", "-o", "-", *options], input=write_ppm(frames), stdout=subprocess.PIPE, check=True
    )
    height, width = frames.shape[1:3]
    header = len(b"P5\n%d %d\n255\n" % (width, height))
    return np.frombuffer(done.stdout, np.uint8).reshape(len(frames), -1)[:, header:].reshape(-1, height, width)


def within(discs, size: int) -> np.ndarray:
    """[n, size, size]: what lies in the disc of each frame."""
    y, x = np.mgrid[:size, :size]
    return np.stack([(x - disc[0]) ** 2 + (y - disc[1]) ** 2 < disc[2] ** 2 for disc in discs])


def flicker(labels, truth, inside, first: int, last: int) -> float:
    """Pixels a frame whose label changes where the truth does not, in this frame and some around it: labels that are a
    little beside the truth's edges change, when these move, a little before or after it."""
    around, pixels = 3, 0
    for frame in range(first + 1, last):
        near = truth[max(0, frame - 1 - around) : frame + around + 1]
        still = (near == near[0]).all(0) & inside[frame] & inside[frame - 1]
        pixels += int((still & (labels[frame] != labels[frame - 1])).sum())
    return pixels / (last - first - 1)


def mean_f1(labels, truth, inside) -> float:
    """Of the classes that are there but background."""
    counts = np.bincount((truth[inside].astype(int) * CLASSES + labels[inside]).ravel(), minlength=CLASSES**2)
    counts = counts.reshape(CLASSES, CLASSES)
    right, drawn, said = np.diag(counts), counts.sum(1), counts.sum(0)
    there = (drawn > 100) & (np.arange(CLASSES) > 0)
    return float((2 * right / np.maximum(drawn + said, 1))[there].mean())


def offset(labels, truth, box) -> float:
    """Columns that the labels are to the right of the truth, to a fraction: where both agree most."""
    rows, columns = box
    steps = np.arange(-6, 7)
    agree = [(labels[rows, columns] == np.roll(truth, s, 1)[rows, columns]).mean() for s in steps]
    best = int(np.argmax(agree[1:-1])) + 1
    below, at, above = agree[best - 1 : best + 2]
    return steps[best] + 0.5 * (above - below) / (2 * at - above - below + 1e-12)


def lag(labels, truth) -> float:
    """Columns that labels are behind, while the head moves at a constant speed, of the rendered clip."""
    behind = []
    for frame in range(clips.PARTS["moves"][0] + 1, clips.PARTS["moves"][1]):
        step = clips.state_of(frame)["x"] - clips.state_of(frame - 1)["x"]
        past = clips.state_of(frame - 1)["x"] - clips.state_of(frame - 2)["x"] if frame > 42 else 0
        if step * past <= 0 or abs(step - past) > 1e-6:
            continue
        x = int(clips.state_of(frame)["x"])
        box = slice(int(clips.SIZE * 0.25), int(clips.SIZE * 0.6)), slice(x - 90, x + 90)
        behind.append(-np.sign(step) * offset(labels[frame], truth[frame], box))
    return float(np.mean(behind))


def held_still(labels) -> np.ndarray:
    """The labels, but while the head moves, by whole pixels, each place of it has that which it has most often: what a
    smoothing would say that knew the motion and all frames."""
    part = range(*clips.PARTS["moves"])
    moved = [round(clips.state_of(frame)["x"] - clips.state_of(part[0])["x"]) for frame in part]
    seen = np.stack([np.roll(labels[frame], -by, 1) for frame, by in zip(part, moved)])
    usual = np.stack([(seen == label).sum(0) for label in range(CLASSES)]).argmax(0)
    held = labels.copy()
    for frame, by in zip(part, moved):
        held[frame] = np.roll(usual, by, 1)
    return held


def clip(folder: pathlib.Path, name: str, make):
    """(frames, labels, discs), kept."""
    path = folder / (name + ".npz")
    if not path.exists():
        frames, labels, discs = zip(*make())
        np.savez_compressed(path, frames=np.stack(frames), labels=np.stack(labels), discs=np.array(discs))
    kept = np.load(path)
    return kept["frames"], kept["labels"], kept["discs"]


def photograph(arguments, path, disc, zoom):
    """A clip of a photo; its labels are what the program says of it."""
    mask = arguments.folder / (path.stem + "_mask.png")
    subprocess.run([arguments.segface, "parse", path, "--mask", mask, "--gray", "--force", "-q"], check=True)
    return clips.photographed(path, cv2.imread(str(mask), cv2.IMREAD_UNCHANGED), disc, zoom)


def picture(frames, single, smoothed, truth) -> np.ndarray:
    """Two frames that follow each other, by themselves and smoothed, and where their labels changed and should not."""
    at = clips.PARTS["talks"][0] + 20
    part = slice(60, 400), slice(70, 410)

    def panel(labels, frame):
        hue = (labels[frame].astype(int) * 47 % 180).astype(np.uint8)
        colour = cv2.cvtColor(np.dstack([hue, np.full_like(hue, 170), np.full_like(hue, 255)]), cv2.COLOR_HSV2RGB)
        shown = np.where((labels[frame] > 0)[..., None], frames[frame] // 2 + colour // 2, frames[frame])
        return shown[part]

    def changes(labels):
        ever = np.zeros(labels.shape[1:], int)
        for frame in range(at - 10, at + 10):
            ever += (labels[frame] != labels[frame - 1]) & (truth[frame] == truth[frame - 1])
        grey = frames[at].mean(2, keepdims=True) * 0.5 + 100
        return np.where(ever[..., None] > 0, [230, 40, 40], grey).astype(np.uint8)[part]

    rows = [np.hstack([panel(labels, at), panel(labels, at + 1), changes(labels)]) for labels in (single, smoothed)]
    return np.vstack(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segface")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 2, 12])
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    images = clips.TOOLS.parent / "tests/data/images"
    made = [(f"render {seed}", lambda seed=seed: clips.rendered(seed)) for seed in arguments.seeds]
    for name, disc, zoom in (("astronaut.png", (226, 108, 66), 1.6), ("portrait.png", (135, 108, 70), 2.0)):
        made.append((name, lambda name=name, disc=disc, zoom=zoom: photograph(arguments, images / name, disc, zoom)))
    scenes = []
    for name, make in made:
        frames, truth, discs = clip(arguments.folder, name.replace(" ", "_"), make)
        scenes.append(frames)
        inside = within(discs, clips.SIZE)
        run = lambda options: labels_of(arguments.segface, frames, options)
        single, smoothed = run(SINGLE), run(arguments.option)
        parts = dict(clips.PARTS) if name.startswith("render") else {"still": (0, 30), "moves": (31, len(frames))}
        parts["all"] = 0, max(last for _, last in parts.values())
        print(f"{name}: pixels a frame that flicker, in the whole frame, around the head; mean F1; single frames, smoothed")
        for part, (first, last) in parts.items():
            flickers = []
            for where in (np.ones_like(inside), inside):
                both = [flicker(labels, truth, where, first, last) for labels in (single, smoothed)]
                flickers.append(f"{both[0]:7.1f} {both[1]:7.1f} {both[0] / max(both[1], 1e-3):5.1f} times")
            part_of = lambda all_of: all_of[first:last]
            scores = [100 * mean_f1(part_of(labels), part_of(truth), part_of(inside)) for labels in (single, smoothed)]
            gain = scores[1] - scores[0]
            print(f"  {part:8} {'   '.join(flickers)}   {scores[0]:6.2f} {scores[1]:6.2f} {gain:+.2f}", flush=True)
        if name.startswith("render"):
            first, last = parts["moves"]
            held = held_still(single)
            flickers = [flicker(held, truth, where, first, last) for where in (np.ones_like(inside), inside)]
            score = 100 * mean_f1(held[first:last], truth[first:last], inside[first:last])
            print(f"  moves, held still where the head is: {flickers[0]:.1f} {flickers[1]:.1f}   {score:.2f}")
            behind = lag(smoothed, truth) - lag(single, truth)
            square = 4 * 0.88 * clips.UNIT  # the aligned square, of four distances of the eyes
            print(f"  lag {behind:.2f} pixels, {256 * behind / square:.2f} of a square of 256 pixels")
        if arguments.picture and name == made[0][0]:
            drawn = picture(frames, single, smoothed, truth)
            cv2.imwrite(arguments.picture, drawn[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    cut = np.concatenate([scenes[0][:23], scenes[1][:8]])
    across = labels_of(arguments.segface, cut, arguments.option)[23:]
    fresh = labels_of(arguments.segface, scenes[1][:8], arguments.option)
    print(f"cut: {int((across != fresh).sum())} pixels differ from those of a video that begins there")


if __name__ == "__main__":
    main()
