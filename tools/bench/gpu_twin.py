#!/usr/bin/env python3
"""Time the PyTorch twin on a GPU, by the GPU's clock, as `segface bench --backend cuda` times segface.

usage: gpu_twin.py NETWORK:SIDE:BATCH... [--ways eager,graph,compile] [--numbers float16] [--runs N] [--device cuda]

A line for each network, way and kind of numbers, as soon as it is known:

    network=mobilenet side=512 batch=1 way=graph numbers=float16 network_ms=0.512 photo_ms=0.604 bytes=123456789

network_ms: a normalised batch to its logits, in the GPU's memory; photo_ms (of a batch of 1): bytes in pinned memory of
the host to labels there. Both are medians of the time from the end of a call to the end of the next. Weights are
PyTorch's own random ones, in channels last; ways are eager calls, a CUDA graph of them, and torch.compile
(reduce-overhead, which makes graphs). numbers: float32, tf32, float16. Exit code 7: no GPU.
"""
import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "torch"))
WARM_UP = 5


def milliseconds(torch, device, call, runs: int) -> float:
    """The median of a call; on a GPU nobody waits between calls."""
    for _ in range(WARM_UP):
        call()
    if device.type == "cpu":  # to try this file without a GPU
        ends = [time.perf_counter()]
        for _ in range(runs):
            call()
            ends.append(time.perf_counter())
        return 1e3 * statistics.median(b - a for a, b in zip(ends, ends[1:]))
    torch.cuda.synchronize()
    events = [torch.cuda.Event(enable_timing=True) for _ in range(runs + 1)]
    events[0].record()
    for event in events[1:]:
        call()
        event.record()
    torch.cuda.synchronize()
    return statistics.median(a.elapsed_time(b) for a, b in zip(events, events[1:]))


def captured(torch, call):
    """A function that replays a CUDA graph of the call."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def measure(torch, device, network: str, side: int, batch: int, way: str, numbers: str, runs: int) -> str:
    from torch.nn import functional as F

    from twin import SegFace
    from twin.model import DEVIATION, MEAN

    for place in (torch.backends.cuda.matmul, torch.backends.cudnn):
        place.allow_tf32 = numbers == "tf32"
    torch.backends.cudnn.benchmark = True
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    dtype = torch.float16 if numbers == "float16" else torch.float32
    torch.manual_seed(1)
    model = SegFace(network, "celeb").eval().to(device, dtype, memory_format=torch.channels_last)
    mean, deviation = (torch.tensor(v, device=device).view(1, 3, 1, 1) * 255 for v in (MEAN, DEVIATION))
    pinned = device.type == "cuda"
    host = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8, pin_memory=pinned)
    answer = torch.empty(batch, side, side, dtype=torch.uint8, pin_memory=pinned)
    image = torch.randn(batch, 3, side, side, device=device).to(dtype, memory_format=torch.channels_last)
    bytes_ = torch.empty_like(host, device=device)

    def photo(pixels):
        x = ((pixels.permute(0, 3, 1, 2) - mean) / deviation).to(dtype, memory_format=torch.channels_last)
        logits = F.interpolate(model(x), size=(side, side), mode="bilinear", align_corners=False)
        return logits.argmax(1).to(torch.uint8)

    alone, whole, labels = lambda: model(image), photo, None
    if way == "compile":
        compiled, compiled_photo = (torch.compile(f, mode="reduce-overhead") for f in (model, photo))
        alone, whole = (lambda: compiled(image)), compiled_photo

    with torch.inference_mode():
        result = milliseconds(torch, device, captured(torch, alone) if way == "graph" else alone, runs)
        line = (f"network={network} side={side} batch={batch} way={way} numbers={numbers} network_ms={result:.4f}")
        if batch == 1:
            if way == "graph":
                labels = torch.empty(batch, side, side, dtype=torch.uint8, device=device)
                replay = captured(torch, lambda: labels.copy_(photo(bytes_)))

            def call():
                bytes_.copy_(host, non_blocking=True)
                if way == "graph":
                    replay()
                answer.copy_(labels if way == "graph" else whole(bytes_), non_blocking=True)

            line += f" photo_ms={milliseconds(torch, device, call, runs):.4f}"
    if device.type == "cuda":
        line += f" bytes={torch.cuda.max_memory_reserved()}"
    return line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--ways", default="eager,graph")
    parser.add_argument("--numbers", default="float16")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError as reason:
        print(f"no PyTorch: {reason}", file=sys.stderr)
        return 127
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("no device", file=sys.stderr)
        return 7
    device, failed = torch.device(arguments.device), 0
    for entry in arguments.networks:
        network, side, batch = entry.split(":")
        for way in arguments.ways.split(","):
            for numbers in arguments.numbers.split(","):
                try:
                    line = measure(torch, device, network, int(side), int(batch), way, numbers, arguments.runs)
                    print(line, flush=True)
                except Exception as reason:  # one way that fails leaves the others
                    failed = 1
                    print(f"{entry} {way} {numbers}: {type(reason).__name__}: {reason}", file=sys.stderr, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
