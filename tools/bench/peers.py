#!/usr/bin/env python3
"""Time segface beside PyTorch, ONNX Runtime, OpenVINO and ncnn: the same network, the same threads, in turns.

usage: peers.py SEGFACE [--networks mobilenet:512,swin_base:224,...] [--threads 2] [--rounds 7] [--work DIR] [--float32] [--busy]

SEGFACE is the built command line. Networks are BACKBONE:SIDE with CelebAMask-HQ's classes and synthetic weights.
Needs tools/torch/requirements.txt and the peers; without ncnn and pnnx, or where pnnx cannot convert, ncnn is left out:

    python3 -m venv .venv
    .venv/bin/pip install -r tools/torch/requirements.txt onnx onnxscript onnxruntime openvino nncf ncnn pnnx
    .venv/bin/python tools/bench/peers.py build/segface

Every engine runs in a process of its own. In each round each runs for about a second, one after the other, and gives
the median of its calls; what is printed is the median over rounds, and segface's ratio to the fastest peer. Peers are
given a normalised float picture and stop at the logits; segface is timed both so ("network") and from the photo's
bytes to the mask at the photo's size ("photo"), which is more work; the ratios are of the fastest peer to each.

Besides float32, segface runs with products of bf16 and int8 (the recipe by names, as synthetic weights have no other), and
peers as they round: OpenVINO in bf16 and, by NNCF, in int8, ONNX Runtime in int8 (rounded_peers.py). Their ratio is of
the fastest peer that rounds so, or that rounds less, to segface's photo. --float32 leaves these out. --busy is for a
machine that other work keeps busy: one thread, and processor time instead of the clock's. What labels each
keeps is peer_labels.py's matter.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "torch"))
from rounded_peers import quantise  # noqa: E402

DEFAULT = "mobilenet:512,mobilenet:224,swin_base:512,swin_base:224,swinv2_base:512,convnext_base:512,resnet:512,efficientnet:512"
PEERS = {
    "f32": ("pytorch", "onnxruntime", "openvino", "ncnn"),
    "bf16": ("openvino-bf16",),
    "int8": ("openvino-int8", "openvino-int8-bf16", "onnxruntime-int8"),  # the first two differ in the rest
}


def noise(side: int, count: int) -> list:
    import numpy as np

    generator = np.random.default_rng(1)
    return [generator.standard_normal((1, 3, side, side)).astype(np.float32) for _ in range(count)]


def peer_call(engine: str, network: str, side: int, onnx: str, threads: int):
    """A function that runs the network once, and what describes the engine."""
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
    image = noise(side, 1)[0]
    if engine.startswith("onnxruntime"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        return (lambda: session.run(None, {"image": image})), f"ONNX Runtime {onnxruntime.__version__}, {pathlib.Path(onnx).name}"
    if engine == "ncnn":
        import ncnn

        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        files = [str(pathlib.Path(onnx).with_suffix(f".ncnn.{kind}")) for kind in ("param", "bin")]
        if net.load_param(files[0]) or net.load_model(files[1]):
            raise RuntimeError("ncnn does not load the converted network")

        def call():
            extractor = net.create_extractor()
            extractor.input("in0", ncnn.Mat(image[0]))
            return extractor.extract("out0")

        return call, f"ncnn {ncnn.__version__}, float32"
    import openvino

    core = openvino.Core()
    hint = "bf16" if engine.endswith("bf16") else "f32"
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(onnx, "CPU", settings).create_infer_request()
    return (lambda: request.infer({"image": image})), f"OpenVINO {openvino.__version__}, {pathlib.Path(onnx).name}, {hint}, latency"


def export_ncnn(network: str, side: int, onnx: str) -> None:
    """Converts the twin by pnnx, to files beside the ONNX file."""
    import pnnx
    import torch

    from twin import SegFace, fill_with_synthetic_values

    model = fill_with_synthetic_values(SegFace(network, "celeb"), 1).eval()
    pnnx.export(model, str(pathlib.Path(onnx).with_suffix(".pt")), (torch.zeros(1, 3, side, side),), fp16=False)


def serve(engine: str, network: str, side: int, onnx: str, threads: int, busy: bool) -> None:
    """A peer's process: a line of description, then for each line read the median of a second of calls in ms."""
    call, description = peer_call(engine, network, side, onnx, threads)
    for _ in range(3):
        call()
    print(description, flush=True)
    clock = time.process_time if busy else time.perf_counter
    for _ in sys.stdin:
        times, end = [], clock() + 1.0
        while clock() < end or len(times) < 3:
            start = clock()
            call()
            times.append(1e3 * (clock() - start))
        print(statistics.median(times), flush=True)


class Peer:
    def __init__(self, engine: str, network: str, side: int, onnx: pathlib.Path, threads: int, busy: bool):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", engine, network, str(side), str(onnx), str(threads), str(int(busy))], text=True,
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


def segface_figures(program: str, weights: pathlib.Path, precision: str, threads: int, runs: int) -> tuple[dict, float]:
    """What `segface bench` says, and the processor time that it took, ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([program, "bench", str(weights), "--precision", precision, "--threads", str(threads), "--runs",
                          str(runs), "--json"], check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(out), 1e3 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def segface_times(program: str, weights: pathlib.Path, precision: str, threads: int, about_ms: float, busy: bool) -> tuple:
    """Milliseconds of a photo, of the network alone, and the instruction set."""
    # Of the processor's time loading takes a part, which is another each time.
    runs = max(11, min(60, int(3000 / about_ms))) if busy else max(3, min(60, int(1000 / about_ms)))
    figures, time_of_runs = segface_figures(program, weights, precision, threads, runs)
    if not busy:
        return figures["photo_ms"], figures["network_ms"], figures["isa"]
    time_of_one = segface_figures(program, weights, precision, threads, 1)[1]
    both = (time_of_runs - time_of_one) / (runs - 1)  # each run is a photo, and the network once more
    return both / 2, both / 2, figures["isa"]


def prepare(program: str, network: str, side: int, work: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The weight file for segface and the ONNX file for the peers (ncnn's beside it), made where they are missing."""
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
    if not onnx.with_suffix(".ncnn.bin").exists():
        subprocess.run([sys.executable, __file__, "--export-ncnn", network, str(side), str(onnx)], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return weights, onnx


def peer_file(engine: str, network: str, side: int, onnx: pathlib.Path) -> pathlib.Path:
    if "int8" not in engine:
        return onnx
    return quantise(engine, onnx, noise(side, 8), transformer=network.startswith("swin"))


def compare(program: str, network: str, side: int, threads: int, rounds: int, work: pathlib.Path, precisions,
            busy: bool) -> None:
    weights, onnx = prepare(program, network, side, work)
    peers = {}
    for engine in [engine for precision in precisions for engine in PEERS[precision]]:
        peers[engine] = Peer(engine, network, side, peer_file(engine, network, side, onnx), threads, busy)
    photos, alone = ({precision: [] for precision in precisions} for _ in range(2))
    others = {engine: [] for engine in peers}
    about = 100.0
    for _ in range(rounds):
        for precision in precisions:
            photo, network_alone, isa = segface_times(program, weights, precision, threads, about, busy)
            about = photo
            photos[precision].append(photo)
            alone[precision].append(network_alone)
        for engine, peer in peers.items():
            others[engine].append(peer.measure())
    for peer in peers.values():
        peer.close()
    medians = {engine: statistics.median(times) for engine, times in others.items()}
    print(f"{network} {side}, {isa}: " + ", ".join(f"{engine} {time:.1f}" for engine, time in medians.items()), flush=True)
    best = float("inf")
    for precision in precisions:  # each engine may take what rounds less, where that is faster
        best = min([best] + [medians[engine] for engine in PEERS[precision] if medians[engine] == medians[engine]])
        photo, network_alone = statistics.median(photos[precision]), statistics.median(alone[precision])
        print(f"    segface {precision}: photo {photo:.1f} ms, network {network_alone:.1f} ms; the fastest peer takes "
              f"{best / network_alone:.2f} times as long as the network, {best / photo:.2f} as the photo", flush=True)
    for peer in peers.values():
        print(f"    {peer.description}")


def main() -> None:
    if len(sys.argv) == 8 and sys.argv[1] == "--serve":
        return serve(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], int(sys.argv[6]), sys.argv[7] == "1")
    if len(sys.argv) == 5 and sys.argv[1] == "--export-ncnn":
        return export_ncnn(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segface")
    parser.add_argument("--networks", default=DEFAULT)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("out/peers"))
    parser.add_argument("--float32", action="store_true", help="nothing rounded")
    parser.add_argument("--busy", action="store_true", help="one thread, processor time")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for entry in arguments.networks.split(","):
        network, side = entry.split(":")
        threads = 1 if arguments.busy else arguments.threads
        compare(arguments.segface, network, int(side), threads, arguments.rounds, arguments.work,
                ["f32"] if arguments.float32 else list(PEERS), arguments.busy)


if __name__ == "__main__":
    main()
