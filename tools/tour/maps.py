"""The tour's pictures of real maps: the stages of one photo, and what each class token looks at."""
import json
import pathlib
import struct

import numpy as np

from svg import IMAGE, INK, TOKENS, Svg, gray

CLASSES = ("background", "neck", "skin", "clothes", "left ear", "right ear", "left brow", "right brow", "left eye", "right eye",
           "nose", "inner mouth", "lower lip", "upper lip", "hair", "glasses", "hat", "earring", "necklace")
COLORS = ("000000 c9805c f2bc94 4a6fa5 ff8c42 d65a31 8ac926 43912c 00b4d8 026ebe ffd64a 7a0c2e c72c5c f46e96 7c529b 40e0be "
          "bababa ebeb78 a0781e").split()
HEADS = 8


def read_tensor(path: pathlib.Path, name: str) -> np.ndarray:
    """One tensor of a safetensors file, as float64."""
    data = path.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8:8 + length])[name]
    begin, end = entry["data_offsets"]
    kind = {"F16": np.float16, "F32": np.float32}[entry["dtype"]]
    return np.frombuffer(data[8 + length + begin:8 + length + end], kind).reshape(entry["shape"]).astype(np.float64)


def position_encoding(gaussian: np.ndarray, height: int, width: int) -> np.ndarray:
    """[height, width, 256]: sin and cos of 2 pi (u, v) G at the pixels' centres."""
    v, u = np.meshgrid((np.arange(height) + 0.5) / height * 2 - 1, (np.arange(width) + 0.5) / width * 2 - 1, indexing="ij")
    angles = 2 * np.pi * np.stack((u, v), axis=-1) @ gaussian
    return np.concatenate((np.sin(angles), np.cos(angles)), axis=-1)


def last_look(folder: pathlib.Path, weights: pathlib.Path) -> np.ndarray:
    """[h, w, K]: the shares of the last attention, the mean of its heads; each class adds up to 1."""
    keys, queries = np.load(folder / "keys.npy").astype(np.float64), np.load(folder / "queries.npy")[0].astype(np.float64)
    name = "face_decoder.transformer.final_attn_token_to_image."

    def project(x, which):
        return x @ read_tensor(weights, f"{name}{which}.weight").T + read_tensor(weights, f"{name}{which}.bias")

    height, width, _ = keys.shape
    position = position_encoding(read_tensor(weights, "pe_layer.positional_encoding_gaussian_matrix"), height, width)
    q = project(queries, "q_proj").reshape(len(queries), HEADS, -1)
    k = project(keys + position, "k_proj").reshape(height * width, HEADS, -1)
    scores = np.einsum("thd,nhd->htn", q, k) / np.sqrt(q.shape[-1])
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares.mean(axis=0).T.reshape(height, width, -1)


def _scale(s: Svg, x, y, left, right):
    s.picture(x, y, 160, 14, np.tile(np.linspace(0, 255, 32), (2, 1)))
    s.rect(x, y, 160, 14, "none", INK, 0.8, 0)
    s.text(x - 8, y + 12, left, 12, "end")
    s.text(x + 168, y + 12, right, 12, "start")


def stages(folder: pathlib.Path, _weights: pathlib.Path) -> Svg:
    s = Svg(940, 670, "The maps between photo and labels, of the demonstration weights")
    s.text(470, 24, "One photo of 256 x 256 through the demonstration weights (mobilenet, 19 classes)", 14, bold=True)
    names = [("input", "the photo, normalised (its green)"), ("feature0", "stride 4: edges"), ("feature1", "stride 8"),
             ("feature2", "stride 16"), ("feature3", "stride 32: the whole"), ("fused", "the fusion of all four"),
             ("keys", "the image, tokens read"), ("upscaled", "enlarged, 32 channels"), ("logits", "the largest logit's class")]
    for index, (name, title) in enumerate(names):
        values = np.load(folder / f"{name}.npy")
        x, y = 25 + (index % 5) * 182, 44 + (index // 5) * 280
        shape = " x ".join(map(str, values.shape))
        if name == "logits":
            palette = np.array([[int(color[i:i + 2], 16) for i in (0, 2, 4)] for color in COLORS])
            s.picture(x, y + 42, 170, 170, palette[values[::2, ::2].argmax(axis=-1)])
            words = "colours as\nsegface info lists them"
        else:
            step = max(1, values.shape[0] // 64)
            shown = values[::step, ::step, 1] if name == "input" else np.linalg.norm(values[::step, ::step], axis=-1)
            s.picture(x, y + 42, 170, 170, gray(shown, shown.min(), shown.max()))
            words = f"from {shown.min():.3g} to {shown.max():.3g}"
        s.rect(x, y + 42, 170, 170, "none", INK, 0.8, 0)
        s.text(x + 85, y + 16, name, 13, bold=True, mono=True)
        s.text(x + 85, y + 34, title, 11)
        s.text(x + 85, y + 228, shape, 12, color=IMAGE)
        s.text(x + 85, y + 244, words, 11)
    _scale(s, 400, 608, "least", "most, of each tile")
    s.text(470, 650, "A pixel's tone is the length of its vector; of the input, its value. One square is one place of the map, "
           "where it has 64 or fewer.", 12)
    return s


def looks(folder: pathlib.Path, weights: pathlib.Path) -> Svg:
    s = Svg(940, 850, "What each class token looks at")
    s.text(470, 24, "Where each class's token looks when it reads the image for the last time", 14, bold=True)
    shares = last_look(folder, weights)
    decades = np.log10(shares * shares.shape[0] * shares.shape[1])  # 0: an even look
    photo = np.load(folder / "input.npy")[::2, ::2, 1]
    for index in range(len(CLASSES) + 1):
        x, y = 25 + (index % 5) * 180, 44 + (index // 5) * 186
        tile = gray(photo, photo.min(), photo.max(), 16) if index == 0 else gray(decades[..., index - 1], -1, 2, 16)
        s.picture(x, y + 18, 160, 160, tile)
        s.rect(x, y + 18, 160, 160, "none", INK, 0.8, 0)
        s.text(x + 80, y + 12, "the photo" if index == 0 else f"{index - 1} {CLASSES[index - 1]}", 12,
               color=INK if index == 0 else TOKENS)
    _scale(s, 400, 806, "a tenth of an even look, or less", "a hundred times, or more")
    s.text(470, 840, "softmax(q k / 4), the mean of 8 heads, on a scale of powers of ten. Left and right are the picture's.", 12)
    return s


MAPS = {"stages": stages, "looks": looks}
