"""The whole finder in NumPy around the twin's two networks: what tools/finder/README.md says, step by step."""
import math
from dataclasses import dataclass, field

import numpy as np
import torch

from .detector import MULTIPLE, STRIDES

LEAST_SCORE = 0.1  # of a candidate
MOST_OVERLAP = 0.3  # intersection over union of two that both stay
MOST_NESTED = 0.6  # intersection over the smaller one, where the worse one's centre lies in the better one


@dataclass
class Candidate:
    """A box in edges of its picture, and what is known of it."""
    score: float
    x: float
    y: float
    width: float
    height: float
    points: np.ndarray = field(default=None)  # [5, 2] edges, as YuNet says them
    turn: int = 0  # quarter turns, clockwise, of the picture it was found in


def area_weights(size: int, first: float, step: float, count: int) -> np.ndarray:
    """[count, size]: row i averages [first + i step, first + (i + 1) step) of pixels 0..size; nothing outside."""
    edges = first + step * np.arange(count + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixels = np.arange(size)[None]
    return np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, None) / step


def resize(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """[H, W, 3] -> [height, width, 3], each pixel the mean of its area, not rounded."""
    rows = area_weights(picture.shape[0], 0, picture.shape[0] / height, height)
    columns = area_weights(picture.shape[1], 0, picture.shape[1] / width, width)
    return np.einsum("yh,hwc,xw->yxc", rows, picture, columns, optimize=True)


def fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longer side at most `side`; never enlarged."""
    height, width = picture.shape[:2]
    if max(height, width) <= side:
        return picture
    factor = side / max(height, width)
    return resize(picture, max(1, math.floor(width * factor + 0.5)), max(1, math.floor(height * factor + 0.5)))


def padded(picture: np.ndarray) -> torch.Tensor:
    """[H, W, 3] red, green, blue 0..255 -> [1, 3, H', W'] blue, green, red, zeros at the right and at the bottom."""
    height, width = (-(-size // MULTIPLE) * MULTIPLE for size in picture.shape[:2])
    out = np.zeros((height, width, 3))
    out[:picture.shape[0], :picture.shape[1]] = picture[:, :, ::-1]
    return torch.from_numpy(out).permute(2, 0, 1)[None]


def decode(levels: list[dict], least_score: float = LEAST_SCORE) -> list[Candidate]:
    """YuNet's maps of one picture -> candidates in edges of its input, by stride, row, column."""
    found = []
    for stride, level in zip(STRIDES, levels):
        maps = {name: value[0].permute(1, 2, 0).numpy() for name, value in level.items()}
        scores = np.sqrt(1 / (1 + np.exp(-maps["cls"][..., 0])) / (1 + np.exp(-maps["obj"][..., 0])))
        for r, c in zip(*np.nonzero(scores >= least_score)):
            b, cell = maps["bbox"][r, c], np.array([c, r])
            centre = (cell + b[:2]) * stride + 0.5
            width, height = np.exp(b[2:]) * stride
            points = (cell + maps["kps"][r, c].reshape(5, 2)) * stride + 0.5
            found.append(Candidate(float(scores[r, c]), centre[0] - width / 2, centre[1] - height / 2, width, height,
                                   points))
    return found


def intersection(a: Candidate, b: Candidate) -> float:
    w = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    h = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return w * h if w > 0 and h > 0 else 0.0


def overlaps(a: Candidate, b: Candidate) -> bool:
    common = intersection(a, b)
    return common > MOST_OVERLAP * (a.width * a.height + b.width * b.height - common)


def repeats(worse: Candidate, better: Candidate) -> bool:
    if overlaps(worse, better):
        return True
    x, y = worse.x + worse.width / 2 - better.x, worse.y + worse.height / 2 - better.y
    smaller = min(worse.width * worse.height, better.width * better.height)
    inside = 0 <= x <= better.width and 0 <= y <= better.height
    return inside and intersection(worse, better) > MOST_NESTED * smaller


def grouped(candidates: list[Candidate]) -> list[list[Candidate]]:
    """The best first, each with those that repeat it behind it; equal scores keep their order."""
    groups = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        home = next((group for group in groups if repeats(candidate, group[0])), None)
        if home is None:
            groups.append([candidate])
        else:
            home.append(candidate)
    return groups


def suppressed(candidates: list[Candidate]) -> list[Candidate]:
    return [group[0] for group in grouped(candidates)]


# --- the points ---

WINDOW = 48  # pixels along O-Net's window
SURE = 3.0  # difference of O-Net's logits from which no other window is asked
MOST_ROLL = 40.0  # degrees in the window, up to which neither
UPRIGHT = 3.0  # degrees in the window below which the points stay
MOST_ASKS = 3  # in windows turned by the last answer
KEEP_SCORE = 0.6  # of a candidate
KEEP_PROBABILITY = 0.9  # of O-Net, keeps a candidate of a lower score


@dataclass
class Face:
    """Box in edges of the photo, points as indices; roll in degrees, clockwise in the photo."""
    box: tuple[float, float, float, float]
    points: np.ndarray
    score: float
    probability: float
    roll: float
    size: float


@dataclass
class Window:
    """A turned square in edges of a picture; roll in degrees, clockwise."""
    centre: np.ndarray
    side: float
    roll: float


@dataclass
class Answer:
    """What O-Net says of a window: difference of logits; points and box in parts of its side; roll within it."""
    window: Window
    difference: float
    points: np.ndarray
    box: np.ndarray
    roll: float


def roll_of(points: np.ndarray) -> float:
    """Degrees, clockwise, of the line that CelebA-HQ's square is turned by: the eyes', and the mouth's below them."""
    eyes, mouth = points[1] - points[0], points[3:].mean(0) - points[:2].mean(0)
    return math.degrees(math.atan2(eyes[1] - mouth[0], eyes[0] + mouth[1]))


def axes(roll: float) -> np.ndarray:
    """[2, 2]: one step along a window's rows, one along its columns, in the photo."""
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    return np.array([[c, s], [-s, c]])


def cut(picture: np.ndarray, window: Window) -> np.ndarray:
    """[48, 48, 3]: the window's pixels; n x n bilinear samples each, gray outside the picture."""
    n = max(1, math.ceil(window.side / WINDOW))
    along = (np.arange(WINDOW * n) + 0.5) / (WINDOW * n) - 0.5
    u, v = axes(window.roll) * window.side
    places = window.centre + along[None, :, None] * u + along[:, None, None] * v - 0.5
    low = np.floor(places).astype(int)
    fraction = places - low
    total = np.zeros(places.shape[:2] + (3,))
    outside = np.ones(places.shape[:2])
    height, width = picture.shape[:2]
    for dy in (0, 1):
        for dx in (0, 1):
            x, y = low[..., 0] + dx, low[..., 1] + dy
            inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
            share = np.abs(1 - dx - fraction[..., 0]) * np.abs(1 - dy - fraction[..., 1]) * inside
            total += share[..., None] * picture[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
            outside -= share
    total += 127.5 * outside[..., None]  # what is 0 to O-Net
    return total.reshape(WINDOW, n, WINDOW, n, 3).mean((1, 3))


@torch.no_grad()
def ask(onet, picture: np.ndarray, windows: list[Window]) -> list[Answer]:
    pixels = np.stack([cut(picture, window) for window in windows])
    logits, boxes, points = onet(torch.from_numpy((pixels - 127.5) * 0.0078125).permute(0, 3, 1, 2))
    places = points.numpy().reshape(-1, 2, 5).transpose(0, 2, 1)
    return [Answer(window, float(pair[1] - pair[0]), place, np.array([0, 0, 1, 1]) + box.numpy(), roll_of(place))
            for window, pair, box, place in zip(windows, logits, boxes, places)]


def follow(onet, picture: np.ndarray, answer: Answer) -> Answer:
    """Asks again in the window that an answer points to, until the face in it stands upright."""
    for _ in range(MOST_ASKS):
        if abs(answer.roll) < UPRIGHT:
            break
        last, box = answer.window, answer.box
        middle = (box[:2] + box[2:]) / 2 - 0.5
        moved = Window(last.centre + last.side * middle @ axes(last.roll), last.side * max(box[2:] - box[:2]),
                       last.roll + answer.roll)
        answer, = ask(onet, picture, [moved])
    return answer


def answer_of(onet, picture: np.ndarray, group: list[Candidate]) -> Answer:
    """O-Net's last answer for a group of candidates (see grouped) in edges of the picture."""
    def around(candidate, roll, part=1.0):
        centre = np.array([candidate.x + candidate.width / 2, candidate.y + candidate.height / 2])
        return Window(centre, part * max(candidate.width, candidate.height), roll)

    def best(answers):
        return max(answers, key=lambda answer: answer.difference)

    top = group[0]
    answers = ask(onet, picture, [around(top, -90.0 * top.turn)])
    if answers[0].difference >= SURE and abs(answers[0].roll) <= MOST_ROLL:
        return follow(onet, picture, answers[0])
    # YuNet's box of a face that is not upright lies off its middle: each turn's own box is asked as well.
    first = {}
    for candidate in group:
        first.setdefault(candidate.turn, candidate)
    windows = [around(top, -90.0 * turn) for turn in range(4) if turn != top.turn]
    windows += [around(c, -90.0 * turn) for turn, c in first.items() if c is not top]
    answers += ask(onet, picture, windows)
    answer = follow(onet, picture, best(answers))
    if answer.difference >= SURE:
        return answer
    windows = [around(c, -90.0 * turn + half) for turn, c in first.items() for half in (-45.0, 45.0)]
    if top.score >= KEEP_SCORE:  # kept in any case, so better looked for everywhere
        windows += [around(top, 45.0 * eighth, part) for part in (0.8, 1.25) for eighth in range(8)]
    answers += ask(onet, picture, windows)
    return best([answer, follow(onet, picture, best(answers))])


# --- the whole ---

SIDES = (640, 320)  # of the pictures; the last one is turned


def turned_back(candidate: Candidate, turn: int, width: int, height: int) -> Candidate:
    """From a picture that was turned clockwise by `turn` quarters to the one before, of width x height."""
    x, y = candidate.x + candidate.width / 2, candidate.y + candidate.height / 2
    x, y = ((x, y), (y, height - x), (width - x, height - y), (width - y, x))[turn]
    w, h = (candidate.width, candidate.height) if turn % 2 == 0 else (candidate.height, candidate.width)
    return Candidate(candidate.score, x - w / 2, y - h / 2, w, h, turn=turn)


@torch.no_grad()
def look(yunet, picture: np.ndarray, turn: int, photo_size: tuple[int, int]) -> list[Candidate]:
    """Candidates in edges of the photo [width, height] that `picture` was scaled from."""
    height, width = picture.shape[:2]
    levels = yunet(padded(np.rot90(picture, -turn)))
    found = []
    for candidate in decode(levels):
        c = turned_back(candidate, turn, width, height)
        sx, sy = photo_size[0] / width, photo_size[1] / height
        found.append(Candidate(c.score, c.x * sx, c.y * sy, c.width * sx, c.height * sy, turn=turn))
    return found


def find(yunet, onet, photo: np.ndarray, turns: int = 4) -> list[Face]:
    """The faces of a photo [H, W, 3], 0..255, red, green, blue: the largest first, equal ones by x, then by y."""
    height, width = photo.shape[:2]
    pictures = [fitted(photo, side) for side in SIDES]
    if pictures[0].shape == pictures[1].shape:
        pictures.pop(0)
    candidates = [c for picture in pictures for c in look(yunet, picture, 0, (width, height))]
    for turn in range(1, turns):
        candidates += look(yunet, pictures[-1], turn, (width, height))
    found = []
    for group in grouped(candidates):
        # A large face is looked at in the larger picture: the photo would only cost time.
        top = group[0]
        large = max(top.width, top.height) * pictures[0].shape[1] / width >= WINDOW
        picture = pictures[0] if large else photo
        sx, sy = picture.shape[1] / width, picture.shape[0] / height
        scaled = [Candidate(c.score, c.x * sx, c.y * sy, c.width * sx, c.height * sy, turn=c.turn) for c in group]
        answer = answer_of(onet, picture, scaled)
        probability = 1 / (1 + math.exp(-answer.difference))
        if top.score < KEEP_SCORE and probability < KEEP_PROBABILITY:
            continue
        window = answer.window
        points = (window.centre + window.side * (answer.points - 0.5) @ axes(window.roll)) / (sx, sy)
        corner = (window.centre - window.side / 2) / (sx, sy)
        seen = Candidate(top.score, float(corner[0]), float(corner[1]), window.side / sx, window.side / sy)
        box = top if overlaps(seen, top) else seen  # the window may have left a poor box for the face beside it
        face = Face((box.x, box.y, box.width, box.height), points - 0.5, top.score, probability,
                    (window.roll + answer.roll + 180) % 360 - 180, max(box.width, box.height))
        # Windows of two candidates may have ended at the same face.
        if not any(repeats(seen, other) for other, _ in found):
            found.append((seen, face))
    return sorted((face for _, face in found), key=lambda f: (-f.size, f.box[0], f.box[1]))
