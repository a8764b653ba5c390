"""Parser: networks that are loaded, and what they are asked."""

from __future__ import annotations

import ctypes
import operator
import os
import threading
from ctypes import byref
from pathlib import Path
from typing import Any, Callable, Iterable, Literal, Sequence, Union

import numpy as np
import numpy.typing as npt

from . import _library as c
from ._images import ORDERS, Picture, path_bytes, view_of, writable
from ._mask import DATASETS, REASONS, Face, Mask, SkippedFace, label_set

Weights = Union[str, "os.PathLike[str]", bytes]
#: Called with the share done, 0 to 1; False cancels the call, an exception does too and goes on to the caller.
Progress = Callable[[float], Any]

#: x and y of each.
Points = Union[Sequence[Sequence[float]], npt.NDArray[Any]]

MOST = 255  # faces of a photo
PRECISIONS = ("float32", "bf16", "int8", "auto")
REGIONS = ("whole", "box", "celeba", "helen")
POINTS = {
    5: "five points, (5, 2), x and y of the subject's right eye, left eye, nose, right and left corner of the mouth",
    68: "the 68 points that Helen has, (68, 2)",
}


def load(
    network: Weights | None = None,
    finder: Weights | Literal[False] | None = None,
    *,
    threads: int = 0,
    self_test: bool = False,
    precision: Literal["float32", "bf16", "int8", "auto"] = "float32",
) -> Parser:
    """Loads a network that parses and one that finds faces, from files or their bytes.

    network: made by `python -m segface convert`; None: the file that SEGFACE_WEIGHTS names, or else the demonstration
        that comes along, which was trained on rendered faces only.
    finder: None: finder.safetensors beside the network, or else the one that comes along (see `Parser.finder_terms`);
        False: none, where faces are always known.
    threads: that all calls share; 0: as many as this process may keep busy.
    self_test: replays the files' self-tests, in some 20 ms.
    precision: what products are of: "bf16" and "int8" are faster where the processor has instructions for them, and
        labels change where two classes are about equal; "auto" is the fastest that the file's recipe allows, which
        `python -m segface quantize` makes. `Parser.precision` tells what became of it.
    """
    if network is None:
        network = os.environ.get("SEGFACE_WEIGHTS") or c.WEIGHTS / "demo.safetensors"
    if finder is None:
        finder = c.WEIGHTS / "finder.safetensors"
        if not isinstance(network, bytes) and (beside := Path(network).with_name(finder.name)).is_file():
            finder = beside
    return Parser(_absolute(network), None if finder is False else _absolute(finder), threads, self_test, precision)


def _absolute(weights: Weights) -> str | bytes:
    return weights if isinstance(weights, bytes) else os.path.abspath(weights)


def _file_bytes(weights: str | bytes | None) -> bytes | None:
    if isinstance(weights, str):
        try:
            return Path(weights).read_bytes()
        except OSError as failure:
            raise c.Error(f"{weights}: {failure.strerror}", "io") from failure
    return weights


def _handle(
    network: str | bytes, finder: str | bytes | None, threads: int, self_test: bool, precision: str
) -> c.Handle:
    if precision not in PRECISIONS:
        raise c.Error(f"precision is {precision!r}; expected one of {', '.join(map(repr, PRECISIONS))}")
    options = byref(c.Options(threads=threads, self_test=self_test, precision=PRECISIONS.index(precision)))
    if isinstance(network, str) and not isinstance(finder, bytes):
        try:
            return c.Handle(c.load, c.free, path_bytes(network), finder and path_bytes(finder), options)
        except c.Error as failure:
            if not network.endswith((".pt", ".pth", ".bin")):
                raise
            advice = f"python -m segface convert {network} -o {Path(network).with_suffix('.safetensors').name}"
            raise c.Error(f"{failure}; a checkpoint is converted once: {advice}", failure.code) from None
    network, finder = _file_bytes(network) or b"", _file_bytes(finder)
    return c.Handle(c.load_memory, c.free, network, len(network), finder, len(finder or b""), options)


class Parser:
    """A network that parses faces, with a finder. Any number of threads use it at a time; made by `load`.

    In a forked child it goes on, on one thread. It is pickled as the names of its files.
    """

    def __init__(
        self, network: str | bytes, finder: str | bytes | None, threads: int, self_test: bool, precision: str
    ) -> None:
        self._source = (network, finder, threads, self_test, precision)
        self._loaded: c.Handle | None = _handle(*self._source)
        self._workspaces: list[c.Handle] = []  # that no call is using
        info = c.Info()
        c.get_info(self._loaded.pointer, byref(info))
        self.dataset: str = DATASETS[info.dataset]  #: "celeb", "lapa" or "helen": what labels mean
        self.backbone: str = info.backbone.decode()
        self.resolution: int = info.resolution  #: side of the square that a face is resized to
        self.needs_landmarks: bool = bool(info.needs_landmarks)  #: whether parse_crop does
        self.threads: int = info.threads  #: of a call that is alone
        self.precision: str = PRECISIONS[info.precision]  #: the lowest that products have on this processor
        self.source_digest: str = info.source_digest.decode()  #: of the checkpoint that was converted
        self.finder_terms: str = info.finder_terms.decode()  #: on which terms the finder may be used; "" without one
        self._logits_shape = (info.classes, info.logits_height, info.logits_width)

    def parse(
        self,
        image: Picture,
        order: str | None = None,
        *,
        faces: Iterable[Face] | None = None,
        whole: bool = False,
        box: Sequence[int] | None = None,
        landmarks: Points | None = None,
        align: Literal["celeba", "helen"] | None = None,
        most: int | None = None,
        smallest: float = 0,
        smallest_share: float = 0,
        threshold: float = 0.6,
        turns: Literal[1, 4] = 4,
        small_faces: bool = False,
        surroundings: bool = False,
        mattes: Iterable[str] = (),
        refine: bool = False,
        confidence: bool = True,
        out: npt.NDArray[np.uint8] | None = None,
        progress: Progress | None = None,
    ) -> Mask:
        """Finds every face of a photo, parses each, and puts the labels back into the photo.

        image: an array or CPU tensor of uint8, (height, width, channels) or (height, width), whose rows may have gaps;
            a picture of Pillow's; the path of a PNG or JPEG, which is turned upright as its EXIF says. Not copied.
        order: of an array's colours: "rgb" (Pillow, imageio), "bgr" (cv2.imread), "rgba", "bgra", "gray".
        faces: instead of finding them; of each only the landmarks are looked at.
        whole, box, landmarks, align: instead of faces, one part that is picked by hand, in pixels of the photo: all of
            it; x, y, width, height, which may reach outside; five points as `Face` has them, (5, 2), which LaPa's
            networks need, and without `box` and `align` go with all of the photo; the square that "celeba" would cut
            around them, or Helen's, of the 68 points that "helen" has, (68, 2).
        most, smallest, smallest_share, threshold, turns, small_faces: see `find`.
        surroundings: looks around each face too, for hair and clothes whole, in twice the time.
        mattes: classes or groups, as "hair" or "face", of which `Mask.mattes` has how much of each pixel is of them.
        refine: redraws labels along the photo's edges; without it they are the network's own.
        confidence: False saves its 4 bytes a pixel, and a third of the time or more.
        out: where the labels go, (height, width); a new array where it is None. No memory of the photo.
        """
        call = _Call(self, image, order, confidence, out)
        numbers, coverage = np.empty(call.shape, np.uint8), np.empty(call.shape, np.uint8)
        known = None if faces is None else [_known(face) for face in faces]
        region = _region(whole, box, landmarks, align)
        names, sets = _matte_sets(self.dataset, mattes)
        planes = np.empty((len(names), *call.shape), np.float32)
        if region is not None and (known is not None or surroundings):
            raise c.Error("faces and surroundings are of faces, but a part is picked by hand; leave one out")
        room = _Room((MOST if most is None else most) if known is None else max(1, len(known)))
        find = _find_options(smallest, smallest_share, threshold, turns, small_faces)
        with _Watch(progress) as watch:
            options = c.PhotoOptions(find=ctypes.pointer(find), surroundings=surroundings, progress=watch.function)
            if known is not None:
                options.known = (c.FoundFace * max(1, len(known)))(*known)
                options.known_count = len(known)
            options.mattes, options.matte_count, options.refine = sets, len(names), refine
            if region is not None:
                options.regions, options.region_count = ctypes.pointer(region), 1
            results = c.PhotoResults(
                labels=_address(call.labels),
                numbers=_address(numbers),
                coverage=_address(coverage),
                confidence=_address(call.confidence),
                faces=ctypes.pointer(room.faces),
                mattes=_address(planes),
            )
            c.parse_photo(call.handle.pointer, byref(call.view), byref(options), byref(results))
        return call.mask(room, numbers=numbers, coverage=coverage, mattes=dict(zip(names, planes)))

    def find(
        self,
        image: Picture,
        order: str | None = None,
        *,
        most: int | None = None,
        smallest: float = 0,
        smallest_share: float = 0,
        threshold: float = 0.6,
        turns: Literal[1, 4] = 4,
        small_faces: bool = False,
    ) -> list[Face]:
        """The faces of a photo, the largest first. None is an answer, not an error.

        most: the largest so many; None: all, up to 255.
        smallest, smallest_share: leaves out faces of fewer pixels, and in parts of the largest one, 0 to 1.
        threshold: score from which a face counts, above 0 and at most 1.
        turns: 4: heads turned any way; 1: within 60 degrees of upright, in less time.
        small_faces: looks for faces smaller than a fiftieth of the photo's longer side too.
        """
        handle = self._handle
        view, kept = view_of(image, order)
        room = _Room(MOST if most is None else most)
        options = _find_options(smallest, smallest_share, threshold, turns, small_faces)
        c.find(handle.pointer, byref(view), byref(options), byref(room.faces))
        return room.found()

    def parse_crop(
        self,
        image: Picture,
        order: str | None = None,
        *,
        landmarks: Points | None = None,
        confidence: bool = True,
        logits: bool = False,
        out: npt.NDArray[np.uint8] | None = None,
        progress: Progress | None = None,
    ) -> Mask:
        """Parses a picture that one face fills, as the networks were trained on: all of it is resized to their square.

        image, order, confidence, out: see `parse`.
        landmarks: five points as `Face` has them, (5, 2), in pixels of the picture; LaPa's networks need them.
        logits: gives what the network says of each class too, (classes, rows, columns), before it is resized.
        """
        call = _Call(self, image, order, confidence, out)
        planes = np.empty(self._logits_shape, np.float32) if logits else None
        points = None if landmarks is None else _points(landmarks)
        try:
            workspace = self._workspaces.pop()
        except IndexError:
            workspace = c.Handle(c.workspace_new, c.workspace_free, call.handle.pointer)
        with _Watch(progress) as watch:
            options = c.CropOptions(landmarks=_address(points), progress=watch.function)
            results = c.CropResults(
                labels=_address(call.labels),
                confidence=_address(call.confidence),
                logits=_address(planes),
                logits_room=0 if planes is None else planes.size,
            )
            c.parse_crop(workspace.pointer, byref(call.view), byref(options), byref(results))
        self._workspaces.append(workspace)
        return call.mask(None, logits=planes)

    def close(self) -> None:
        """Gives the networks back; calls that are under way end as they would."""
        self._loaded = None
        self._workspaces.clear()

    @property
    def _handle(self) -> c.Handle:
        loaded = self._loaded
        if loaded is None:
            raise c.Error("this parser is closed; load another one")
        return loaded

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if any(isinstance(part, bytes) for part in self._source):
            raise c.Error("a parser that was loaded from bytes cannot be pickled; load it from files")
        return Parser, self._source

    def __repr__(self) -> str:
        network = self._source[0] if isinstance(self._source[0], str) else "bytes"
        return f"<segface.Parser {self.backbone} {self.dataset} {self.resolution} of {network!r}>"


class _Call:
    """A picture that is parsed, with room for its labels and their confidence."""

    def __init__(
        self, parser: Parser, image: Picture, order: str | None, confidence: bool, out: npt.NDArray[np.uint8] | None
    ) -> None:
        self.handle = parser._handle  # which lives as long as the call, whatever close() does
        self.view, pixels = view_of(image, order)
        self.shape = pixels.shape[:2]
        self.labels = writable(out, pixels)
        self.confidence = np.empty(self.shape, np.float32) if confidence else None
        self._dataset, self._photo = parser.dataset, (pixels, ORDERS[self.view.order - 1])

    def mask(self, room: _Room | None, **more: Any) -> Mask:
        if room is not None:
            more.update(faces=room.found(), skipped=room.skipped())
        return Mask(self.labels, self._dataset, confidence=self.confidence, _photo=self._photo, **more)


class _Room:
    """Room for faces that the library tells."""

    def __init__(self, most: int) -> None:
        if not 0 < most <= MOST:
            raise c.Error(f"most faces: {most}; expected 1 to {MOST}, or None for all")
        self.most = most
        self._found, self._skipped = (c.FoundFace * most)(), (c.LeftOutFace * 256)()
        self.faces = c.Faces(found=self._found, found_room=most, skipped=self._skipped, skipped_room=256)
        self.tracks = (ctypes.c_int64 * most)()

    def found(self) -> list[Face]:
        def told(f: c.FoundFace, track: int) -> Face:
            x = f.landmarks
            points = ((x[0], x[1]), (x[2], x[3]), (x[4], x[5]), (x[6], x[7]), (x[8], x[9]))
            return Face((f.x, f.y, f.width, f.height), points, f.score, f.probability, f.roll, f.confidence, track)

        count = self.faces.found_count
        return list(map(told, self._found[:count], self.tracks[:count]))

    def skipped(self) -> list[SkippedFace]:
        return [
            SkippedFace((face.x, face.y, face.width, face.height), face.score, REASONS[face.reason])
            for face in self._skipped[: self.faces.skipped_count]
        ]


class _Watch:
    """Calls back into Python while the library works, and brings exceptions across."""

    def __init__(self, progress: Progress | None) -> None:
        self._failure: BaseException | None = None

        def call(share: float, _: object) -> int:
            try:
                return 0 if progress is not None and progress(share) is False else 1
            except BaseException as failure:
                self._failure = failure
                return 0

        self.function = c.ProgressFunction() if progress is None else c.ProgressFunction(call)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, kind: object, failure: object, trace: object) -> None:
        raised, self._failure = self._failure, None
        if raised is not None:
            raise raised


def _find_options(
    smallest: float, smallest_share: float, threshold: float, turns: int, small_faces: bool
) -> c.FindOptions:
    if threshold == 0 or turns == 0:  # which is the library's word for its defaults
        raise c.Error(f"threshold {threshold}, turns {turns}: expected a score above 0 and at most 1, and 1 or 4")
    return c.FindOptions(
        smallest=smallest, smallest_share=smallest_share, threshold=threshold, turns=turns, small_faces=small_faces
    )


def _matte_sets(dataset: str, mattes: Iterable[str]) -> tuple[list[str], ctypes.Array[ctypes.c_uint32]]:
    """The classes and groups of which mattes are wanted, each once, and their labels."""
    if isinstance(mattes, str):
        raise c.Error(f"mattes is {mattes!r}; expected a list: [{mattes!r}]")
    names = list(dict.fromkeys(mattes))
    return names, (ctypes.c_uint32 * len(names))(*(label_set(dataset, name) for name in names))


def _address(array: npt.NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data


def _points(landmarks: Any, count: int = 5) -> npt.NDArray[np.float64]:
    try:
        points = np.ascontiguousarray(landmarks, np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.shape not in ((count, 2), (2 * count,)):
        raise c.Error(f"landmarks: expected {POINTS[count]}, in pixels of the picture")
    return points.reshape(2 * count)


def _region(whole: bool, box: Sequence[int] | None, landmarks: Points | None, align: str | None) -> c.Region | None:
    """The part of a photo that is picked by hand; None where none is."""
    if align not in (None, "celeba", "helen"):
        raise c.Error(f"align is {align!r}; expected 'celeba' or 'helen'")
    if whole + (box is not None) + (align is not None) > 1:
        raise c.Error("whole, box and align each say what is looked at; leave all but one out")
    if align is not None and landmarks is None:
        raise c.Error(f"align={align!r} needs landmarks, the points of the face")
    if not whole and box is None and landmarks is None:
        return None
    region = c.Region(kind=REGIONS.index(align or ("whole" if box is None else "box")))
    if box is not None:
        region.x, region.y, region.width, region.height = _whole_pixels(box)
    if landmarks is not None:
        points = _points(landmarks, 68 if align == "helen" else 5)
        region.landmarks = (ctypes.c_double * points.size)(*points)
    return region


def _whole_pixels(box: Sequence[int]) -> list[int]:
    try:
        sides = [operator.index(side) for side in box]
    except TypeError:
        sides = []
    if len(sides) != 4 or max(map(abs, sides)) >= 2**31:
        raise c.Error(
            f"box is {box!r}; expected x, y, width, height in whole pixels of the photo (of a face: "
            "[round(side) for side in face.box])"
        )
    return sides


def _known(face: Face) -> c.FoundFace:
    points = (ctypes.c_double * 10)(*_points(face.landmarks))
    return c.FoundFace(*face.box, points, face.score, face.probability, face.roll)


_own: Parser | None = None
_own_lock = threading.Lock()


def _renew_lock() -> None:
    """Of a child that was forked while another thread held it, which the child has not."""
    global _own_lock
    _own_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def own_parser() -> Parser:
    """A parser that is loaded once, by `load()`."""
    global _own
    with _own_lock:
        if _own is None:
            _own = load()
        return _own


def parse(image: Picture, order: str | None = None, **options: Any) -> Mask:
    """`Parser.parse` of a parser that is loaded once, by `load()`."""
    return own_parser().parse(image, order, **options)
