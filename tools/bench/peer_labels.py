#!/usr/bin/env python3
"""Labels that segface and other engines keep when they round: shares of the demonstration's labels that are float32's.

usage: peer_labels.py SEGFACE WEIGHTS PICTURES CALIBRATION [--work DIR]

PICTURES and CALIBRATION are folders of PNGs of 256 x 256: renders that chose nothing (tools/train/held_out.py), and those
that the recipe was found with (tools/train/recipe_crops.py), which peers are calibrated with. Each engine is compared with
ONNX Runtime's labels in float32. Needs what peers.py needs.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "torch"))
from rounded_peers import quantise  # noqa: E402

ENGINES = ("onnxruntime", "openvino", "openvino-bf16", "openvino-int8", "openvino-int8-bf16", "onnxruntime-int8")


def export(weights: str, onnx: pathlib.Path) -> None:
    from export_onnx import export
    from safetensors.torch import load_file
    from twin import SegFace

    model = SegFace("mobilenet", "celeb").eval()
    model.load_state_dict({name: value.float() for name, value in load_file(weights).items()}, strict=False)
    export(model, 256, onnx)


def normalised(picture: pathlib.Path) -> np.ndarray:
    from twin.model import DEVIATION, MEAN

    pixels = np.asarray(Image.open(picture).convert("RGB"), np.float32) / 255
    return ((pixels - np.float32(MEAN)) / np.float32(DEVIATION)).transpose(2, 0, 1)[None].copy()


def peer_labels(engine: str, path: pathlib.Path, images: list[np.ndarray]) -> list[np.ndarray]:
    if engine.startswith("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return [session.run(None, {"image": image})[0][0].argmax(0) for image in images]
    import openvino

    hint = "bf16" if engine.endswith("bf16") else "f32"
    request = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint}).create_infer_request()
    return [request.infer({"image": image})[0][0].argmax(0) for image in images]


def segface_labels(program: str, weights: str, precision: str, pictures: list[pathlib.Path]) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "parse", *map(str, pictures), "--weights", weights, "--whole", "--precision", precision, "-o",
                        folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [np.asarray(Image.open(f"{folder}/{picture.stem}_mask.png")) for picture in pictures]


def report(name: str, labels: list[np.ndarray], truth: list[np.ndarray]) -> None:
    """The share of labels that are the truth's, of all and in the worst picture, and the class that keeps least."""
    shares = [float((a == b).mean()) for a, b in zip(labels, truth)]
    a, b = np.stack(labels), np.stack(truth)
    ious = {c: ((a == c) & (b == c)).sum() / ((a == c) | (b == c)).sum() for c in np.unique(b) if (b == c).sum() >= 1000}
    worst = min(ious, key=ious.get)
    print(f"{name:20} {100 * np.mean(shares):8.3f} %, worst picture {100 * min(shares):.2f} %, class {worst} keeps "
          f"{100 * ious[worst]:.2f} % IoU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segface")
    parser.add_argument("weights")
    parser.add_argument("pictures", type=pathlib.Path)
    parser.add_argument("calibration", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("out/peers"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    onnx = arguments.work / "demo_256.onnx"
    export(arguments.weights, onnx)
    pictures = sorted(arguments.pictures.glob("*.png"))
    images = [normalised(picture) for picture in pictures]
    calibration = [normalised(picture) for picture in sorted(arguments.calibration.glob("*.png"))]
    truth = peer_labels("onnxruntime", onnx, images)
    for engine in ENGINES[1:]:
        path = quantise(engine, onnx, calibration, transformer=False) if "int8" in engine else onnx
        report(engine, peer_labels(engine, path, images), truth)
    for precision in ("f32", "bf16", "int8", "auto"):
        report(f"segface {precision}", segface_labels(arguments.segface, arguments.weights, precision, pictures), truth)


if __name__ == "__main__":
    main()
