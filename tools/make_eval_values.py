#!/usr/bin/env python3
"""Makes tests/data/eval: a small rendered data set in each layout that `segface eval` reads, and what it should find.

    python3 tools/make_eval_values.py tests/data/eval

Each of celeb, lapa, helen and plain is a folder as its data set's publishers lay it out, with parts missing and
pixels labelled 255. LAYOUT_expected/ holds, at 64 x 64 and by NumPy and Pillow alone, NAME_photo.png (what the network
is shown), NAME_truth.png (its labels) and NAME.txt (its five landmarks). metrics.txt holds label pairs and the official
scores of them by NumPy, nearest.txt places of Pillow's NEAREST. Photos are PNGs whatever their names end with, so that
no JPEG decoder decides. Needs NumPy and Pillow 13 or later.
"""
import pathlib
import shutil
import sys

import numpy as np
from PIL import Image

R = 64
PARTS = ["neck", "skin", "cloth", "l_ear", "r_ear", "l_brow", "r_brow", "l_eye", "r_eye", "nose", "mouth", "l_lip",
         "u_lip", "hair", "eye_g", "hat", "ear_r", "neck_l"]
# Centre, radii in parts of the picture: a face seen from the front. The order is that of celeb's labels from 1.
ELLIPSES = [(.5, .85, .15, .2), (.5, .5, .28, .36), (.5, 1., .4, .15), (.22, .5, .05, .1), (.78, .5, .05, .1),
            (.38, .37, .1, .03), (.62, .37, .1, .03), (.38, .44, .07, .03), (.62, .44, .07, .03), (.5, .53, .05, .1),
            (.5, .69, .08, .02), (.5, .72, .1, .03), (.5, .66, .1, .03), (.5, .2, .34, .18), (.5, .44, .22, .06),
            (.5, .1, .3, .1), (.2, .6, .03, .05), (.5, .92, .1, .03)]
LAPA_LABELS = {2: 1, 6: 2, 7: 3, 8: 4, 9: 5, 10: 6, 13: 7, 11: 8, 12: 9, 14: 10}  # celeb: lapa


def ellipse(label, width, height, shift=(0., 0.)):
    x, y, a, b = ELLIPSES[label - 1]
    v, u = np.meshgrid((np.arange(height) + .5) / height, (np.arange(width) + .5) / width, indexing="ij")
    return ((u - x - shift[0]) / a) ** 2 + ((v - y - shift[1]) / b) ** 2 < 1


def render(labels, seed):
    """A photo of labels: a colour each, with noise, as smooth as a photo is."""
    random = np.random.default_rng(seed)
    colors = random.integers(30, 220, (256, 3))
    noise = random.normal(0, 12, labels.shape + (1,))
    return np.clip(colors[labels] + noise, 0, 255).astype(np.uint8)


def labels_of(width, height, table, shift=(0., 0.)):
    labels = np.zeros((height, width), np.uint8)
    for label, value in table.items():
        labels[ellipse(label, width, height, shift)] = value
    return labels


def ignore(labels):
    labels[3:9, 5:20] = 255
    labels[-7:, -11:] = 255
    return labels


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG", optimize=True)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def expect(out, name, photo, truth, points=None):
    save(out / f"{name}_photo.png", np.array(Image.fromarray(photo).resize((R, R), Image.BICUBIC)))
    save(out / f"{name}_truth.png", np.array(Image.fromarray(truth).resize((R, R), Image.NEAREST)))
    if points is not None:
        scale = np.array([R / photo.shape[1], R / photo.shape[0]])
        write(out / f"{name}.txt", " ".join(f"{float(x)!r},{float(y)!r}" for x, y in points * scale) + "\n")


def make_celeb(root, out):
    # 3: hat and glasses missing; 2001: in the second folder of parts, with values that are not 255; 5: of train.
    lines = ["idx orig_idx orig_file", "3 103 000104.jpg", "5 105 000106.jpg", "2001 99 000100.jpg", "7 8 000009.jpg"]
    write(root / "CelebA-HQ-to-CelebA-mapping.txt", "\n".join(lines) + "\n")
    write(root / "list_eval_partition.txt", "000001.jpg 0\n000009.jpg 1\n000100.jpg 2\n000104.jpg 2\n000106.jpg 0\n")
    for number, missing in ((3, {"hat", "eye_g"}), (2001, {"neck_l", "l_ear", "mouth", "hair"})):
        merged = np.zeros((50, 50), np.uint8)
        for label, part in enumerate(PARTS, 1):
            if part in missing:
                continue
            inside = ellipse(label, 50, 50, (.03, 0.) if number == 3 else (0., .04))
            merged[inside] = label
            values = inside * np.uint8(255 if number == 3 else 1 + label)
            picture = Image.fromarray(values) if label % 2 == 0 else Image.fromarray(np.stack([values] * 3, -1))
            path = root / f"CelebAMask-HQ-mask-anno/{number // 2000}/{number:05d}_{part}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, "PNG", optimize=True)
        photo = render(np.array(Image.fromarray(merged).resize((75, 75), Image.NEAREST)), number)
        save(root / f"CelebA-HQ-img/{number}.jpg", photo)
        expect(out, str(number), photo, merged)


def make_lapa(root, out):
    for name, width, height in (("first", 70, 91), ("second.b", 101, 59)):
        labels = ignore(labels_of(width, height, LAPA_LABELS))
        photo = render(labels, width)
        save(root / f"test/images/{name}.jpg", photo)
        save(root / f"test/labels/{name}.png", labels)
        points = np.zeros((106, 2))
        for index, x, y in ((74, .37, .44), (104, .39, .44), (83, .61, .44), (105, .63, .44), (54, .5, .58),
                            (84, .41, .7), (90, .59, .7)):
            points[index] = np.round([x * width, y * height], 2)
        lines = "\n".join(f"{x} {y}" for x, y in points)
        write(root / f"test/landmarks/{name}.txt", f"106\n{lines}\n")
        five = np.array([(points[74] + points[104]) / 2, (points[83] + points[105]) / 2, points[54], points[84],
                         points[90]])
        expect(out, name, photo, labels, five)


def make_helen(root, out):
    lines = []
    # The squares reach over the upper edge, where they are cut off.
    for name, width, height, left in (("one", 120, 97, 44.5), ("two", 88, 130, 20.25)):
        labels = ignore(labels_of(width, height, LAPA_LABELS))
        labels[30:40, 48:58] = 255
        photo = render(labels, height)
        save(root / f"test/{name}_image.jpg", photo)
        save(root / f"test/{name}_label.png", labels)
        points = np.random.default_rng(width).uniform([left, 2], [left + 40, 60], (68, 2)).round(1)
        lines.append(" ".join(f"{2 * v}" for v in points.ravel()) + f" {name}")
        x0, y0, x1, y1 = *points.min(0), *points.max(0)
        w, h = x1 - x0 + 1, y1 - y0 + 1
        size = int(1.2 * max(w, h))
        x, y = int(x0 + w / 2) - size // 2, int(y0 + h / 2) - size // 2
        cut = np.s_[max(y, 0):y + size, max(x, 0):x + size]
        expect(out, name, photo[cut], labels[cut])
    write(root / "landmarks.txt", "\n".join(lines) + "\n")


def make_plain(root, out):
    for name, ending, width, height in (("a", "jpg", 77, 64), ("b", "png", 64, 469), ("c", "jpeg", 33, 41)):
        labels = ignore(labels_of(width, height, {k: k for k in range(1, 19) if k % 5 != 0}))
        photo = render(labels, width)
        save(root / f"images/{name}.{ending}", photo)
        save(root / f"labels/{name}.png", labels)
        expect(out, name, photo, labels)


def scores(truth, predicted, classes, groups):
    """The formulas of the official inference.py; NaN where a class is nowhere."""
    kept = truth != 255
    matrix = np.bincount(truth[kept].astype(int) * classes + predicted[kept], minlength=classes ** 2)
    matrix = matrix.reshape(classes, classes).astype(np.float64)
    t, p, hit = matrix.sum(1), matrix.sum(0), np.diag(matrix)
    iou = hit / np.maximum(1, t + p - hit)
    with np.errstate(invalid="ignore"):
        f1 = 2 * hit / (t + p)
    merged = [2 * matrix[g][:, g].sum() / (t[g].sum() + p[g].sum()) for g in groups]
    means = [np.nanmean(f1[1:]), iou.mean(), (hit / np.maximum(1, t)).mean(), hit.sum() / t.sum()]
    return [*means, *f1, *iou, *merged]


def make_metrics(path):
    lines = []
    random = np.random.default_rng(7)
    groups = [[2, 3], [4, 5], [7, 8, 9], [2, 3, 4, 5, 6, 7, 8, 9]]
    for dataset, classes, used in (("celeb", 19, 19), ("celeb", 19, 15), ("lapa", 11, 11), ("helen", 11, 11)):
        truth = random.integers(0, used, 600)
        predicted = np.where(random.random(600) < .7, truth, random.integers(0, used, 600))
        truth[random.random(600) < .1] = 255
        values = scores(truth, predicted, classes, groups if dataset == "helen" else [])
        lines.append(f"{dataset} {len(values)}")
        lines += [" ".join(map(str, truth)), " ".join(map(str, predicted)), " ".join(repr(float(v)) for v in values)]
    path.write_text("\n".join(lines) + "\n")


def make_nearest(path):
    """Places that Pillow's NEAREST takes pixels from; for 512 to 448 they differ from floor((i + 0.5) from / to)."""
    lines = []
    for before, after in ((64, 96), (128, 224), (512, 448), (1000, 333), (1, 5), (7, 7), (3, 1)):
        row = Image.fromarray(np.arange(before, dtype=np.int32)[None])
        places = np.array(row.resize((after, 1), Image.NEAREST))[0]
        lines.append(f"{before} {after} " + " ".join(map(str, places)))
    path.write_text("\n".join(lines) + "\n")


def main():
    root = pathlib.Path(sys.argv[1])
    for layout, make in (("celeb", make_celeb), ("lapa", make_lapa), ("helen", make_helen), ("plain", make_plain)):
        for folder in (root / layout, root / f"{layout}_expected"):
            shutil.rmtree(folder, ignore_errors=True)
        make(root / layout, root / f"{layout}_expected")
    make_metrics(root / "metrics.txt")
    make_nearest(root / "nearest.txt")


if __name__ == "__main__":
    main()
