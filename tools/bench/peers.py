#!/usr/bin/env python3
"""Time segface beside PyTorch, ONNX Runtime and OpenVINO: the same network, the same threads, in turns.

usage: peers.py SEGFACE [--networks mobilenet:512,swin_base:224,...] [--threads 2] [--rounds 7] [--work DIR]

SEGFACE is the built command line. Networks are BACKBONE:SIDE with CelebAMask-HQ's classes and synthetic weights.
Needs tools/torch/requirements.txt, onnx, onnxscript, onnxruntime and openvino:

    python3 -m venv .venv && .venv/bin/pip install -r tools/torch/requirements.txt onnx onnxscript onnxruntime openvino
    .venv/bin/python tools/bench/peers.py build/segface

Every engine runs in a process of its own. In each round each runs for about a second, one after the other, and gives
the median of its calls; what is printed is the median over rounds, and segface's ratio to the fastest peer. Peers are
given a normalised float picture and stop at the logits; segface is timed both so ("network") and from the photo's
bytes to the mask at the photo's size ("photo"), which is more work; the ratio is that of the photo.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "torch"))
DEFAULT = "mobilenet:512,mobilenet:224,swin_base:512,swin_base:224,swinv2_base:512,convnext_base:512,resnet:512,efficientnet:512"
PEERS = ("pytorch", "onnxruntime", "openvino")


def peer_call(engine: str, network: str, side: int, onnx: str, threads: int):
    """A function that runs the network once, and what describes the engine."""
    import numpy as np

    if engine == "pytorch":
        import torch

        from twin import SegFace, fill_with_synthetic_values

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        model = fill_with_synthetic_values(SegFace(network, "celeb"), 1).eval()
        model = model.to(memory_format=torch.channels_last)
        image = torch.randn(1, 3, side, side).to(memory_format=torch.channels_last)
        capability = torch.backends.cpu.get_cpu_capability()
        return lambda: model(image), f"PyTorch {torch.__version__}, channels last, {capability}"
    image = np.random.default_rng(1).standard_normal((1, 3, side, side)).astype(np.float32)
    if engine == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        return (lambda: session.run(None, {"image": image})), f"ONNX Runtime {onnxruntime.__version__}, all optimisations"
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(onnx, "CPU", settings).create_infer_request()
    return (lambda: request.infer({"image": image})), f"OpenVINO {openvino.__version__}, f32, latency"


def serve(engine: str, network: str, side: int, onnx: str, threads: int) -> None:
    """A peer's process: a line of description, then for each line read the median of a second of calls in ms."""
    call, description = peer_call(engine, network, side, onnx, threads)
    for _ in range(3):
        call()
    print(description, flush=True)
    for _ in sys.stdin:
        times, end = [], time.perf_counter() + 1.0
        while time.perf_counter() < end or len(times) < 3:
            start = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - start))
        print(statistics.median(times), flush=True)


class Peer:
    def __init__(self, engine: str, network: str, side: int, onnx: pathlib.Path, threads: int):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", engine, network, str(side), str(onnx), str(threads)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        self.description = self.process.stdout.readline().strip() or f"{engine}: does not run this network"

    def measure(self) -> float:
        if self.process.poll() is not None:
            return float("nan")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline() or "nan")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def segface_times(program: str, weights: pathlib.Path, threads: int, about_ms: float) -> tuple[float, float, str]:
    """Milliseconds of a photo, of the network alone, and the instruction set."""
    runs = max(3, min(60, int(1000 / about_ms)))
    out = subprocess.run([program, "bench", str(weights), "--threads", str(threads), "--runs", str(runs), "--json"],
                         check=True, capture_output=True, text=True).stdout
    figures = json.loads(out)
    outside = sum(stage["ms"] for stage in figures["stages"] if stage["stage"] in ("input", "labels"))
    return figures["photo_ms"], figures["photo_ms"] - outside, figures["isa"]


def prepare(program: str, network: str, side: int, work: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The weight file for segface and the ONNX file for the peers, made where they are missing."""
    folder = work / f"{network}_celeba_{side}"
    weights, onnx = work / f"{network}_{side}.safetensors", work / f"{network}_{side}.onnx"
    if not weights.exists():
        checkpoint = folder / "model_299.pt"
        subprocess.run([sys.executable, str(HERE.parent / "torch" / "make_checkpoint.py"), network, "celeb",
                        str(checkpoint)], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([program, "convert", str(checkpoint), "-o", str(weights)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        checkpoint.unlink()
    if not onnx.exists():
        subprocess.run([sys.executable, str(HERE.parent / "torch" / "export_onnx.py"), network, "celeb", str(side),
                        str(onnx)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return weights, onnx


def compare(program: str, network: str, side: int, threads: int, rounds: int, work: pathlib.Path) -> None:
    weights, onnx = prepare(program, network, side, work)
    peers = {engine: Peer(engine, network, side, onnx, threads) for engine in PEERS}
    samples = {name: [] for name in ("photo", "network", *PEERS)}
    about = 100.0
    for _ in range(rounds):
        photo, alone, isa = segface_times(program, weights, threads, about)
        about = photo
        samples["photo"].append(photo)
        samples["network"].append(alone)
        for engine, peer in peers.items():
            samples[engine].append(peer.measure())
    for peer in peers.values():
        peer.close()
    medians = {name: statistics.median(values) for name, values in samples.items()}
    best = min((medians[engine] for engine in PEERS if medians[engine] == medians[engine]), default=float("nan"))
    print(f"{network} {side}: segface ({isa}) photo {medians['photo']:.1f} ms, network {medians['network']:.1f} ms; "
          + ", ".join(f"{engine} {medians[engine]:.1f}" for engine in PEERS)
          + f"; the fastest peer takes {best / medians['photo']:.2f} times as long", flush=True)
    for peer in peers.values():
        print(f"    {peer.description}")


def main() -> None:
    if len(sys.argv) == 7 and sys.argv[1] == "--serve":
        return serve(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], int(sys.argv[6]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segface")
    parser.add_argument("--networks", default=DEFAULT)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("out/peers"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for entry in arguments.networks.split(","):
        network, side = entry.split(":")
        compare(arguments.segface, network, int(side), arguments.threads, arguments.rounds, arguments.work)


if __name__ == "__main__":
    main()
