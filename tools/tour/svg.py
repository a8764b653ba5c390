"""A page of SVG: boxes, lines, words, and maps of numbers as small pictures."""
import base64
import struct
import zlib
from html import escape

import numpy as np

# One colour a thing, in all pictures: what is image, what is tokens, where a position is added, what is weights.
IMAGE, TOKENS, POSITION, WEIGHTS = "#3b6fb6", "#c8641b", "#2e8b57", "#6b6b6b"
PALE = {IMAGE: "#dce8f7", TOKENS: "#fbe6d4", POSITION: "#daf0e3", WEIGHTS: "#ececec"}
INK, FAINT = "#222222", "#9a9a9a"


class Svg:
    def __init__(self, width: int, height: int, title: str):
        self.width, self.height, self.title = width, height, title
        self.parts: list[str] = []

    def rect(self, x, y, width, height, fill="none", stroke=INK, thickness=1.2, round_=4, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round_}" fill="{fill}" '
                          f'stroke="{stroke}" stroke-width="{thickness}"{dashes}/>')

    def text(self, x, y, words, size=13, anchor="middle", color=INK, bold=False, mono=False):
        family = ' font-family="DejaVu Sans Mono, monospace"' if mono else ""
        weight = ' font-weight="bold"' if bold else ""
        for line, part in enumerate(str(words).split("\n")):
            self.parts.append(f'<text x="{x:g}" y="{y + line * size * 1.3:g}" font-size="{size}" text-anchor="{anchor}" '
                              f'fill="{color}"{weight}{family} xml:space="preserve">{escape(part)}</text>')

    def box(self, x, y, width, height, words, color=WEIGHTS, size=13, mono=False):
        """A box of a colour with words in its middle."""
        self.rect(x, y, width, height, PALE[color], color)
        lines = words.count("\n")
        self.text(x + width / 2, y + height / 2 + size * 0.35 - lines * size * 0.65, words, size, mono=mono)

    def line(self, points, color=INK, arrow=True, dash="", thickness=1.5):
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        marker = f' marker-end="url(#{self._marker(color)})"' if arrow else ""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{thickness}"{dashes}'
                          f'{marker}/>')

    def picture(self, x, y, width, height, pixels: np.ndarray):
        """Gray [h, w] or RGB [h, w, 3], bytes; each pixel is drawn as a square."""
        data = base64.b64encode(png(pixels)).decode()
        self.parts.append(f'<image x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" preserveAspectRatio="none" '
                          f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>')

    def finish(self, inputs: str) -> str:
        """The file's text. inputs: the digest of all that it was made from."""
        colors = sorted({part.split("#arrow")[1][:6] for part in self.parts if "#arrow" in part})
        markers = "".join(f'<marker id="arrow{color}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
                          f'markerHeight="7" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#{color}"/></marker>'
                          for color in colors)
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">')
        return "\n".join([head, f"<title>{escape(self.title)}</title>", f"<!-- inputs {inputs} -->",
                          f"<defs>{markers}</defs>", '<rect width="100%" height="100%" fill="#ffffff"/>', *self.parts,
                          "</svg>", ""])

    @staticmethod
    def _marker(color: str) -> str:
        return "arrow" + color.lstrip("#")


def png(pixels: np.ndarray) -> bytes:
    """Bytes of a PNG of gray [h, w] or RGB [h, w, 3]."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(np.uint8).reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def gray(values: np.ndarray, least: float, most: float, levels: int = 32) -> np.ndarray:
    """Values as bytes: least is black, most is white, in so many levels."""
    share = np.clip((values - least) / max(most - least, 1e-12), 0, 1)
    return np.round(np.round(share * (levels - 1)) * 255 / (levels - 1))
