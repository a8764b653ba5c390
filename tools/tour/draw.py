#!/usr/bin/env python3
"""Draw the tour's pictures, examples/pictures/tour_*.svg.

usage: draw.py PROGRAM    with examples/06_dump_stages built: python3 tools/tour/draw.py build/06_dump_stages

Takes NumPy alone. Each picture names the digest of what it was made from: the scripts here, the program's source, the
demonstration weights, and the photo; tests/package/tour.sh says when that has changed.
"""
import hashlib
import pathlib
import subprocess
import sys
import tempfile

from diagrams import DIAGRAMS
from maps import MAPS

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "weights/demo.safetensors"
PHOTO = ROOT / "tests/data/images/portrait_256x256.png"
# In this order, one after the other: their SHA-256 is the digest.
INPUTS = [ROOT / "tools/tour" / name for name in ("diagrams.py", "draw.py", "maps.py", "svg.py")]
INPUTS += [ROOT / "examples/06_dump_stages.cpp", WEIGHTS, PHOTO]


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in INPUTS)).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], WEIGHTS, PHOTO, folder], check=True, stdout=subprocess.DEVNULL)
        pictures = {name: draw() for name, draw in DIAGRAMS.items()}
        pictures |= {name: draw(pathlib.Path(folder), WEIGHTS) for name, draw in MAPS.items()}
    for name, picture in pictures.items():
        path = ROOT / f"examples/pictures/tour_{name}.svg"
        path.write_text(picture.finish(digest))
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
