"""The tour's drawings that need no photo: what is done, in which order, and why it is the same."""
import numpy as np

from svg import FAINT, IMAGE, INK, PALE, POSITION, TOKENS, WEIGHTS, Svg

# Of a mobilenet network with 19 classes at 512 x 512: what `segface info --stages` counts, in GFLOP, and the numbers that
# the weight file holds, in millions. The package's test of the tour compares them with both.
GFLOP = {"backbone": 2.23, "fusion": 0.57, "decoder": 12.86}
MILLIONS = {"backbone": 3.00, "fusion": 0.55, "decoder": 3.51}


def network() -> Svg:
    s = Svg(940, 560, "The network with its shapes, for a photo of 512 x 512 and the mobilenet backbone")
    s.text(300, 50, "a photo of 512 x 512, the mobilenet backbone,\n19 classes", 12)
    s.box(20, 30, 120, 44, "photo\n512 x 512 x 3", IMAGE)
    levels = [("stride 4", "128 x 128 x 24", 132), ("stride 8", "64 x 64 x 40", 104), ("stride 16", "32 x 32 x 112", 84),
              ("stride 32", "16 x 16 x 960", 70)]
    s.text(88, 108, "backbone", anchor="start", bold=True)
    y = 122
    for index, (stride, shape, height) in enumerate(levels):
        height = 46
        s.box(14, y, 132, height, f"{stride}\n{shape}", IMAGE, 12)
        s.line([(80, y - 20 if index else 74), (80, y)], IMAGE)
        s.line([(146, y + 23), (186, y + 23)], IMAGE)
        s.box(186, y + 4, 110, 38, f"linear_c.{index}\nto 256 channels", WEIGHTS, 11)
        s.line([(296, y + 23), (326, y + 23)], IMAGE)
        s.box(326, y + 4, 74, 38, "enlarge to\n128 x 128" if index else "as it is", WEIGHTS, 11)
        s.line([(400, y + 23), (430, y + 23)], IMAGE)
        y += 66
    s.text(300, 108, "fusion", bold=True)
    s.box(430, 122, 96, 244, "side by side\n(1024 channels,\nstride 32 first)\n\nlinear_fuse\n\nfused map\n128 x 128 x 256", IMAGE, 11)
    s.text(740, 22, "decoder", bold=True)
    s.box(566, 34, 150, 44, "19 class tokens\n19 x 256", TOKENS)
    s.box(740, 34, 170, 44, "position encoding\n128 x 128 x 256", POSITION)
    s.rect(556, 104, 366, 150, "#fafafa", FAINT)
    s.text(739, 124, "two-way transformer: two blocks of", bold=True)
    s.text(570, 148, "1  tokens look at each other\n2  tokens read the image\n3  each token passes an MLP\n"
           "4  the image reads the tokens", 13, "start")
    s.text(570, 234, "then the tokens read the image once more", 13, "start")
    s.line([(641, 78), (641, 104)], TOKENS)
    s.line([(825, 78), (825, 104)], POSITION)
    s.line([(526, 180), (556, 180)], IMAGE)
    s.line([(620, 254), (620, 290)], TOKENS)
    s.text(628, 276, "19 x 256", 11, "start")
    s.line([(830, 254), (830, 290)], IMAGE)
    s.text(822, 276, "128 x 128 x 256", 11, "end")
    s.box(556, 290, 128, 44, "MLP of three layers\n19 x 32 (hyper)", TOKENS, 12)
    s.box(730, 290, 192, 44, "upscaling: 256 x 256 x 64,\n512 x 512 x 32", IMAGE, 12)
    s.line([(620, 334), (690, 372)], TOKENS)
    s.line([(826, 334), (760, 372)], IMAGE)
    s.box(620, 372, 210, 44, "dot products: logits\n512 x 512 x 19", WEIGHTS)

    s.text(20, 452, "Where the work is", 13, "start", bold=True)
    for row, (title, parts, unit) in enumerate([("operations", GFLOP, "GFLOP"), ("weights", MILLIONS, "million")]):
        y, x, whole = 466 + 44 * row, 150, sum(parts.values())
        s.text(140, y + 20, title, 12, "end")
        for name, color in (("backbone", "#b9cfea"), ("fusion", "#cfcfcf"), ("decoder", "#f3c9a5")):
            width = 740 * parts[name] / whole
            s.rect(x, y, width, 32, color, "#ffffff", 1, 0)
            label = f"{name} {parts[name]:.2f}" if width > 95 else f"{parts[name]:.2f}"
            s.text(x + width / 2, y + 20, label, 12)
            x += width
        s.text(896, y + 20, unit, 12, "start")
    return s


def two_way_block() -> Svg:
    s = Svg(940, 640, "A two-way block: who is query, key and value, and where tokens and position are added")
    s.box(60, 16, 150, 34, "q: tokens, K x 256", TOKENS)
    s.box(420, 16, 170, 34, "k: image, N x 256", IMAGE)
    steps = [
        (84, "1  self attention", TOKENS, ["query  q + T  (block 0: q)", "key    q + T  (block 0: q)", "value  q"],
         "norm1(q + .); block 0: norm1(.)"),
        (204, "2  tokens read the image", TOKENS, ["query  q + T", "key    k + P", "value  k"], "norm2(q + .)"),
        (324, "3  MLP of each token", TOKENS, ["256 -> 2048, ReLU,", "2048 -> 256"], "norm3(q + .)"),
        (444, "4  the image reads the tokens", IMAGE, ["query  k + P", "key    q + T", "value  q"], "norm4(k + .)"),
    ]
    for y, title, color, lines, norm in steps:
        s.rect(210, y, 220, 92, PALE[color], color)
        s.text(320, y + 18, title, 12, bold=True)
        s.text(226, y + 38, "\n".join(lines), 12, "start", mono=True)
        s.text(320, y + 84, norm, 11, color=color, mono=True)
    s.line([(135, 50), (135, 590)], TOKENS, thickness=2.5)
    s.line([(505, 50), (505, 590)], IMAGE, thickness=2.5)
    for y in (84, 204, 324):
        s.line([(135, y + 30), (210, y + 30)], TOKENS)
        s.line([(210, y + 74), (140, y + 74)], TOKENS)
    s.line([(505, 234), (430, 234)], IMAGE)
    s.text(468, 228, "read", 11)
    s.line([(135, 474), (210, 474)], TOKENS)
    s.text(172, 468, "read", 11)
    s.line([(505, 464), (430, 464)], IMAGE)
    s.line([(430, 518), (500, 518)], IMAGE)
    s.text(135, 610, "to the next block", 12, color=TOKENS)
    s.text(505, 610, "to the next block", 12, color=IMAGE)
    s.text(30, 632, "T: the learned tokens, added anew each time    P: the position encoding, added anew each time    .: what was read",
           12, "start")

    s.text(760, 30, "The order in which the code runs", 13, bold=True)
    s.text(760, 48, "(one colour: one pass over the image)", 11)
    order = [("block 0", "1 self", None), ("block 0", "2 tokens read image", "#dce8f7"), ("block 0", "3 MLP", None),
             ("block 1", "1 self", None), ("block 0", "4 image reads tokens", "#f7f0c8"),
             ("block 1", "2 tokens read image", "#f7f0c8"), ("block 1", "3 MLP", None),
             ("block 1", "4 image reads tokens", "#daf0e3"), ("last", "tokens read image", "#daf0e3")]
    y = 64
    for block, step, fill in order:
        s.rect(620, y, 290, 36, fill or "#ffffff", FAINT)
        s.text(634, y + 23, block, 12, "start", bold=True)
        s.text(700, y + 23, step, 12, "start")
        y += 42
    s.text(620, y + 22, "Step 1 of block 1 needs the tokens only, and\nstep 4 of block 0 does not change them: so\n"
           "step 1 may come first. Then step 4 and the\nnext step 2 are neighbours, and a strip of the\n"
           "image that has just read the tokens is read\nby them while it is still in the cache.", 12, "start")
    return s


def _axis(size: int, window: int, shift: int):
    """Pixel and region of each place along an axis, as base/window.hpp says."""
    count = -(-size // window)
    shift = 0 if count == 1 else shift
    places = []
    for i in range(count):
        for t in range(window):
            at = (i * window + t + shift) % (count * window)
            places.append((i, at, shift != 0 and i == count - 1 and t >= window - shift))
    return places


def windows() -> Svg:
    s = Svg(940, 560, "Windows of a map of 8 x 8, not shifted and shifted, and what padding does")
    colors = ["#dce8f7", "#fbe6d4", "#daf0e3", "#efe0f5"]
    cell = 30

    def grid(left, top, shift, rolled, title, below):
        axis = _axis(8, 4, shift)
        s.text(left + 4 * cell, top - 12, title, 13, bold=True)
        for py, (wy, y, ry) in enumerate(axis):
            for px, (wx, x, rx) in enumerate(axis):
                row, column = (py, px) if rolled else (y, x)
                s.rect(left + column * cell, top + row * cell, cell, cell, colors[2 * wy + wx], "#ffffff", 1, 0)
                region = 2 * int(ry) + int(rx)
                if rolled:
                    s.text(left + column * cell + cell / 2, top + row * cell + 19, f"{y}{x}", 11, mono=True)
                elif shift:
                    s.text(left + column * cell + cell / 2, top + row * cell + 20, "abcd"[region], 12)
        s.text(left + 4 * cell, top + 8 * cell + 20, below, 12)
        for edge in range(0, 9):
            place = edge * cell
            if rolled or not shift:
                cut, thin = edge % 4 == 0, rolled and edge == 6
            else:
                cut, thin = edge in (2, 6), edge in (0, 8)
            if cut or thin:
                dash = "4 3" if thin else ""
                s.line([(left + place, top), (left + place, top + 8 * cell)], INK, False, dash, 2)
                s.line([(left, top + place), (left + 8 * cell, top + place)], INK, False, dash, 2)

    grid(30, 40, 0, False, "windows of 4, not shifted", "one colour, one window: it attends to itself")
    grid(340, 40, 2, False, "shifted by 2: the borders move", "same colour and letter: they attend to each other")
    grid(650, 40, 2, True, "the same, rolled by -2", "place by place, with each pixel's row and column")
    s.text(470, 318, "solid: window border; dashed: region border (or the edge of the picture)", 12)
    s.text(30, 346, "In the window at the bottom right, pixels of four regions meet, which are no neighbours in the picture. Where the "
           "region of the query\nis not that of the key, 100 is taken from the score: e to the -100 is nearly nothing.",
           12, "start")

    s.text(30, 396, "Swin's windows of 7 on an axis of 8 pixels, shifted by 3: two windows have 14 places, so six are padding (p)", 13,
           "start", bold=True)
    for place, (window, pixel, second) in enumerate(_axis(8, 7, 3)):
        x = 30 + place * 44 + (24 if window else 0)
        padding = pixel >= 8
        s.rect(x, 412, 44, 36, "#ececec" if padding else colors[1 if second else 0], "#ffffff", 1, 0)
        s.text(x + 22, 435, "p" if padding else pixel, 13, mono=True)
    s.text(184, 468, "window 0: pixels 3 to 7 and two paddings", 12)
    s.text(516, 468, "window 1: four paddings, then 0 to 2 (other region)", 12)
    s.text(30, 500, "A padding is a key like any other. It is zero before the layer that makes q, k and v, so its k and v are that layer's\n"
           "bias. Pixels 3 to 7 see two of them; pixels 0 to 2 do not, as they are of another region than the four beside them.\n"
           "An axis that one window covers is not shifted.", 12, "start")
    return s


def commute() -> Svg:
    s = Svg(940, 400, "Enlarging and then multiplying is multiplying and then enlarging")
    pixels = np.array([[1.0, 3.0], [5.0, -1.0]])
    matrix = np.array([[1.0, 2.0], [2.0, 0.0]])
    bias = np.array([10.0, 1.0])
    up = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])

    def cells(x, y, values, title, color):
        s.text(x + 31 * len(values), y - 10, title, 12)
        for i, pixel in enumerate(values):
            for c, value in enumerate(pixel):
                s.rect(x + 62 * i, y + 28 * c, 62, 28, PALE[color], color, 1, 0)
                s.text(x + 62 * i + 31, y + 28 * c + 19, f"{value:g}", 13, mono=True)

    s.text(20, 30, "Two pixels of two channels. The matrix mixes the channels of a pixel; enlarging mixes the pixels of a channel.",
           13, "start")
    cells(30, 150, pixels, "f", IMAGE)
    enlarged = up @ pixels
    cells(300, 80, enlarged, "enlarged: four pixels", IMAGE)
    small = pixels @ matrix.T + bias
    cells(330, 250, small, "multiplied: two pixels", IMAGE)
    one = enlarged @ matrix.T + bias
    other = up @ small
    assert np.array_equal(one, other)
    cells(660, 80, one, "enlarged, then the matrix on four pixels", TOKENS)
    cells(660, 250, other, "the matrix on two pixels, then enlarged", TOKENS)
    s.line([(158, 160), (290, 108)])
    s.text(214, 118, "enlarge", 12)
    s.line([(158, 192), (320, 270)])
    s.text(214, 254, "W x + b", 12)
    s.line([(552, 108), (650, 108)])
    s.text(600, 100, "W x + b", 12)
    s.line([(458, 278), (650, 278)])
    s.text(556, 270, "enlarge", 12)
    s.line([(784, 150), (784, 228)], FAINT, False)
    s.text(800, 194, "equal", 13, "start", bold=True)
    s.text(20, 350, "W = (1 2; 2 0), b = (10, 1). Each new pixel is a mean of old ones with weights that add up to 1, here 3/4 and 1/4. "
           "For W that does\nnot matter; for b it does: a mean of pixels that all hold b must hold b again.", 12, "start")
    return s


def linear() -> Svg:
    s = Svg(940, 470, "The life of one linear layer, from the file to the kernel")
    steps = [
        ("weight file", "...cross_attn_token_to_image.k_proj.weight [128, 256], float16", "tensors/safetensors.hpp", WEIGHTS),
        ("LinearWeights", "two Weights: which tensor of which file. visit() says name and shape", "layers/linear.hpp", WEIGHTS),
        ("LinearParameters", "in, out, pointers to floats: read one layer at a time, then given back", "backends/parameters.hpp", WEIGHTS),
        ("B::Linear", "the backend's own form. reference: a matrix of Eigen; cpu: blocks in the kernel's order", "layers/preparation.hpp", TOKENS),
        ("ops::linear", "takes the result's memory from the arena, then asks the backend to fill it", "backends/primitives.hpp", IMAGE),
        ("backend.linear", "cuts the rows into tasks, and gives them to run.kernel", "backends/reference.hpp, cpu.hpp", IMAGE),
        ("Run::kernel", "counts the cost; does nothing in a dry run; else the executor's threads run the tasks", "backends/run.hpp", IMAGE),
        ("kernel", "a tile of outputs in registers, written once and compiled for each instruction set", "backends/cpu/*.ipp", IMAGE),
    ]
    y = 30
    s.text(30, y - 8, "once, when the network is prepared", 12, "start", color=FAINT)
    for index, (name, words, file, color) in enumerate(steps):
        if index == 4:
            y += 22
            s.text(30, y - 8, "in every pass", 12, "start", color=FAINT)
        s.box(30, y, 170, 36, name, color, 13, mono=True)
        s.text(216, y + 20, words, 12, "start")
        s.text(216, y + 36, file, 10, "start", color=FAINT, mono=True)
        if index + 1 < len(steps) and index != 3:
            s.line([(115, y + 36), (115, y + 50)])
        y += 50
    return s


def arena() -> Svg:
    s = Svg(940, 380, "The arena as a stack: the fusion of the reference backend for a photo of 256 x 256")

    def stride(channels):  # Arena::map in base/arena.hpp, of floats
        lines = channels if channels < 16 else -(-channels // 16) * 16
        return lines + 16 if channels >= 512 and lines % 512 == 0 else lines

    sides = (64, 32, 16, 8)
    fused, concatenated = (side * side * stride(c) * 4 / 1e6 for side, c in ((64, 256), (64, 1024)))
    projected = [side * side * stride(256) * 4 / 1e6 for side in sides]
    columns = [("take\nfused", []), ("scope:\nconcatenated", ["c"])]
    for level in range(4):
        columns.append((f"scope:\nlevel {level}", ["c", level]))
        columns.append(("its end", ["c"]))
    columns.append(("linear_fuse\nto fused", ["c"]))
    columns.append(("end of\nscope", []))
    scale, base = 9.2, 300
    high = fused + concatenated + max(projected)
    for index, (title, held) in enumerate(columns):
        x = 70 + index * 71
        y = base
        for what in ["f"] + held:
            size, color, name = ((fused, IMAGE, "fused") if what == "f" else
                                 (concatenated, WEIGHTS, "1024 wide") if what == "c" else
                                 (projected[what], TOKENS, "256 wide"))
            height = size * scale
            y -= height
            s.rect(x, y, 62, height, PALE[color], color, 1, 0)
            if height > 16:
                s.text(x + 31, y + height / 2 + 4, name, 10)
        s.text(x + 31, base + 18, title, 10)
    s.line([(60, base - high * scale), (930, base - high * scale)], INK, False, "6 4", 1)
    s.text(916, base - high * scale - 6, f"high-water mark: {high:.1f} MB, known from a dry run", 12, "end")
    s.line([(60, base), (60, 40)], INK)
    s.text(64, 34, "bytes in use", 11, "start")
    s.text(930, 24, "256 x 256, reference backend", 12, "end", bold=True)
    s.text(70, 360, "A layer takes its result first, then opens a scope for what it needs meanwhile. The end of the scope gives that back, "
           "and the result stays.", 12, "start")
    return s


def squeeze() -> Svg:
    s = Svg(700, 420, "The squeeze of the tanh warp")
    left, top, width, height = 60, 30, 600, 330

    def at(c, v):
        return left + (c + 2) / 4 * width, top + (1.25 - v) / 2.5 * height

    for v in (-1, 1):
        s.line([at(-2, v), at(2, v)], FAINT, False, "5 4", 1)
    for c in (-0.2, 0.2):
        s.line([at(c, -1.25), at(c, 1.25)], POSITION, False, "3 3", 1)
    s.line([at(-2, 0), at(2, 0)], FAINT, False, thickness=1)
    s.line([at(0, -1.25), at(0, 1.25)], FAINT, False, thickness=1)
    s.line([at(-1.25, -1.25), at(1.25, 1.25)], FAINT, False, thickness=1)
    c = np.linspace(-2, 2, 161)
    beyond = np.abs(c) - 0.2
    value = np.where(beyond <= 0, c, np.copysign(0.2 + 0.8 * np.tanh(np.maximum(beyond, 0) / 0.8), c))
    s.line([at(x, v) for x, v in zip(c, value)], IMAGE, False, thickness=2.5)
    s.text(*at(1.1, -0.3), "c: where a pixel is,\nthe face turned upright", 12)
    s.text(*at(1.2, 0.66), "squeeze(c)", 12, color=IMAGE)
    s.text(*at(-1.3, 1.06), "1: the border of the warped picture", 12)
    s.text(at(0, 0)[0], top + height + 18, "from -0.2 to 0.2 nothing changes", 12, color=POSITION)
    s.text(left, 402, "beyond: 0.2 + 0.8 tanh((c - 0.2) / 0.8), mirrored for c < 0.  All of the plane comes inside the border.", 12, "start")
    for c in (-2, -1, 1, 2):
        s.text(at(c, 0)[0], at(c, 0)[1] + 16, c, 11, color=FAINT)
    return s


DIAGRAMS = {"network": network, "two_way_block": two_way_block, "windows": windows, "commute": commute,
            "linear": linear, "arena": arena, "squeeze": squeeze}
