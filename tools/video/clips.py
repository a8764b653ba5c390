"""Clips with the exact labels of each frame: a rendered head that talks, moves, turns, is covered and leaves; a photograph
under a camera that moves. Frames are RGB [size, size, 3], labels [size, size], both uint8; with each goes a disc (x, y, radius)
around the head that lies within the square that the network is shown: what it says nothing of is no flicker."""

import contextlib
import pathlib
import sys

import cv2
import numpy as np

TOOLS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOOLS / "train"))
import faces.compose as compose  # noqa: E402
from faces import expression, hands, pose  # noqa: E402

SIZE, NOISE = 480, 5.0
UNIT = 75.0  # pixels, half of a rendered face's width
# Parts of the rendered clip: first frame, frame behind the last.
PARTS = {"talks": (0, 40), "moves": (40, 100), "turns": (100, 140), "covered": (140, 165), "light": (165, 190)}
LEAVES = (190, 220)


def state_of(frame: int) -> dict:
    """What the head does in a frame."""
    talk = 0.05 + 0.05 * (1 - np.cos(0.7 * frame))
    state = dict(yaw=0.05, pitch=0.02, roll=0.02, x=SIZE / 2, y=SIZE * 0.45, opening=talk, hand=None, light=1.0)
    if frame < 40:
        state["x"] += 0.4 * np.sin(0.3 * frame)
    elif frame < 100:  # 2 % of the face's width a frame, there and back
        step = 0.02 * 2 * UNIT
        state["x"] += step * (abs((frame - 40 + 45) % 60 - 30) - 15)
        state["opening"] = 0.06
    elif frame < 140:
        state["yaw"] += 0.5 * np.sin((frame - 100) * np.pi / 20)
        state["roll"] += 0.2 * np.sin((frame - 100) * np.pi / 40)
    elif frame < 165:
        state["hand"] = max(0.0, 1 - min(frame - 140, 164 - frame) / 8)
    elif frame < 190:
        state["light"] = 1 + 0.15 * np.sin(0.8 * frame)
    else:
        state["x"] += (frame - 190) * 0.08 * 2 * UNIT
    return state


@contextlib.contextmanager
def _posed(state: dict):
    """Has the renderer draw a head as it is told; what else it draws is that of its seed."""

    class Pose(pose.Pose):
        def __init__(self, rng, size):
            super().__init__(rng, size)
            self.yaw, self.pitch, self.roll = state["yaw"], state["pitch"], state["roll"]
            self.unit, self.distance = UNIT, 10
            self.rotation, self.shift = pose._rotation(self.yaw, self.pitch, self.roll), np.zeros(2)
            self.shift = np.array([state["x"], state["y"]]) - self.project([[0, 0.05, 0.6]])[0]
            self._make_rays()

    class Expression(expression.Expression):
        def __init__(self, rng):
            super().__init__(rng)
            self.opening, self.upper_teeth, self.lower_teeth = state["opening"], 0.6 * state["opening"], 0.0
            self.lids[:], self.squeeze, self.tongue = 1, 0.1, False

    class Below:
        """The pose, with what is pointed at further down."""

        def __init__(self, of):
            self.of = of

        def project(self, points):
            return self.of.project(points) + [0, state["hand"] * 3 * UNIT]

    def put_hand(_, canvas, person, of, head, bank):
        hands.put_hands(np.random.default_rng(9), canvas, person, Below(of), head, bank)

    kept = {name: getattr(compose, name) for name in ("Pose", "Expression", "put_occluder", "expose", "photograph")}
    compose.Pose, compose.Expression, compose.put_occluder = Pose, Expression, put_hand
    compose.expose = lambda _, *rest: kept["expose"](np.random.default_rng(5), *rest)
    compose.photograph = lambda _, picture, bank: np.clip(picture * 255 * state["light"], 0, 255)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(compose, name, value)


def _noisy(picture, frame: int) -> np.ndarray:
    noise = np.random.default_rng([77, frame]).normal(0, NOISE, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def rendered(seed: int, count: int = LEAVES[1]):
    """Frame, labels and disc of each."""
    for frame in range(count):
        state = state_of(frame)
        shares = dict(hat=0, glasses=0, earrings=0, necklace=0, occluder=int(state["hand"] is not None))
        with _posed(state):
            face = compose.render(seed, 0, SIZE, shares=shares)
        yield _noisy(face.picture, frame), face.label, (state["x"], state["y"], 1.5 * UNIT)


def photographed(path, labels, disc, zoom: float, count: int = 90):
    """The same of a photograph, of which labels [h, w] and the disc are given, under a camera that pans, turns and zooms."""
    picture = cv2.imread(str(path))[:, :, ::-1]
    height, width = picture.shape[:2]
    for frame in range(count):
        phase = frame * 2 * np.pi / count
        still = frame < count // 3
        turn = 0 if still else 6 * np.sin(2 * phase)
        scale = zoom * (1 if still else 1 + 0.1 * np.sin(phase))
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
        matrix[:, 2] += np.array([SIZE / 2, SIZE / 2]) - matrix @ [disc[0], disc[1], 1]  # the head stays in sight
        if not still:
            matrix[:, 2] += [40 * np.sin(3 * phase), 20 * np.sin(2 * phase)]
        warp = lambda image, how, edge: cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=how, borderMode=edge)
        shown = warp(np.ascontiguousarray(picture), cv2.INTER_LINEAR, cv2.BORDER_REFLECT).astype(np.float32)
        centre = matrix @ [disc[0], disc[1], 1]
        yield _noisy(shown, frame), warp(labels, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT), (*centre, disc[2] * scale)
