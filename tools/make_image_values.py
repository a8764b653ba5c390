#!/usr/bin/env python3
"""Makes tests/data/images: pictures in every form, and what Pillow 13 says they hold.

    python3 tools/make_image_values.py tests/data/images

Writes tiny PNG and JPEG files, `png.txt` (name, width, height, FNV-1a of Pillow's RGB), `jpeg_*.png` (Pillow's pixels
of each JPEG) and `resize.txt` (sizes, channels, FNV-1a of Pillow's BICUBIC of a picture given by a formula). The
photos beside them are not made here. Needs numpy and Pillow 13 or later: earlier ones resize along the rows first
always.
"""
import io
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def formula(width, height, channels):
    """The picture that tests/image/resize_test.cpp makes too."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    value = (x * 2654435761 + y * 40503 + c * 97 + x * y * 31).astype(np.uint64)
    return ((value >> np.uint64(7)) & np.uint64(255)).astype(np.uint8)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, color, interlaced, transparent, random):
    rows = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns, lines = (width - x + dx - 1) // dx, (height - y + dy - 1) // dy
        for line in range(lines if columns > 0 else 0):
            size = (columns * CHANNELS[color] * depth + 7) // 8
            rows += bytes([line % 5]) + random.integers(0, 256, size, dtype=np.uint8).tobytes()
    file = b"\x89PNG\r\n\x1a\n"
    file += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced)))
    if color == 3:
        file += chunk(b"PLTE", random.integers(0, 256, 3 << depth, dtype=np.uint8).tobytes())
    if transparent:
        file += chunk(b"tRNS", {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\x80\x40"}[color])
    packed = zlib.compress(rows)
    middle = len(packed) // 2
    return file + chunk(b"IDAT", packed[:middle]) + chunk(b"IDAT", packed[middle:]) + chunk(b"IEND", b"")


def make_pngs(out):
    lines = []
    random = np.random.default_rng(1)
    for color, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlaced in (False, True):
                width, height = (13, 9) if interlaced else (7, 6)
                transparent = interlaced and color in (0, 2, 3)
                name = f"png_color{color}_{depth}bit{'_interlaced' if interlaced else ''}.png"
                (out / name).write_bytes(png(width, height, depth, color, interlaced, transparent, random))
                picture = Image.open(out / name)
                if picture.mode == "I;16":  # Pillow clips these at 255; the library takes the high byte
                    pixels = np.repeat((np.array(picture) >> 8).astype(np.uint8)[..., None], 3, 2)
                else:
                    pixels = np.array(picture.convert("RGB"))
                lines.append(f"{name} {width} {height} {fnv1a(pixels.tobytes())}")
    (out / "png.txt").write_text("\n".join(lines) + "\n")


def make_jpegs(out, photo):
    part = photo.crop((60, 60, 60 + 41, 60 + 35))
    options = {
        "444": dict(subsampling=0),
        "422": dict(subsampling=1),
        "420": dict(subsampling=2),
        "progressive": dict(subsampling=2, progressive=True),
        "restarts": dict(subsampling=2, restart_marker_blocks=2),
        "rgb": dict(keep_rgb=True),
        "gray": {},
    }
    for name, option in options.items():
        picture = part.convert("L") if name == "gray" else part
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=85, **option)
        (out / f"jpeg_{name}.jpg").write_bytes(data.getvalue())
        Image.open(data).convert("RGB").save(out / f"jpeg_{name}.png", optimize=True)
    data = io.BytesIO()
    part.convert("CMYK").save(data, "JPEG", quality=50)
    (out / "jpeg_cmyk.jpg").write_bytes(data.getvalue())


def make_resizes(out):
    lines = []
    cases = [(1, 1, 224, 224), (1, 1, 512, 512), (1, 1000, 224, 224), (1, 1000, 512, 512), (1000, 1, 224, 224),
             (1000, 1, 512, 512), (37, 53, 224, 224), (37, 53, 512, 512), (100, 100, 100, 33), (100, 100, 33, 100),
             (61, 47, 61, 47), (64, 300, 60, 100), (300, 64, 100, 60), (255, 3, 2, 1), (5, 3, 1, 1), (501, 499, 77, 250)]
    for width, height, to_width, to_height in cases:
        for channels in (1, 3, 4):
            pixels = formula(width, height, channels)
            planes = [Image.fromarray(pixels[..., c]).resize((to_width, to_height), Image.BICUBIC)
                      for c in range(channels)]
            result = np.stack([np.array(plane) for plane in planes], -1)
            lines.append(f"{width} {height} {to_width} {to_height} {channels} {fnv1a(result.tobytes())}")
    (out / "resize.txt").write_text("\n".join(lines) + "\n")


def main():
    out = pathlib.Path(sys.argv[1])
    make_pngs(out)
    make_jpegs(out, Image.open(out / "portrait.png").convert("RGB"))
    make_resizes(out)


if __name__ == "__main__":
    main()
