"""What is told of a photo: its labels, and the faces that they are of."""

from __future__ import annotations

import ctypes
import difflib
import os
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _library as c
from ._images import Picture, path_bytes, view_of

DATASETS = ("celeb", "lapa", "helen")
GROUPS = ("skin", "face", "brows", "eyes", "ears", "lips", "mouth", "hair")
NUMBERINGS = ("celeb", "lapa", "celebamask", "bisenet")
REASONS = ("uncertain", "small", "small beside the largest", "beyond the most that were asked for")

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Face:
    """A found face, in pixels of the photo."""

    box: Box  #: x, y, width, height; may reach outside the photo
    #: x, y of the subject's right eye, left eye, nose, right and left corner of the mouth
    landmarks: tuple[Point, Point, Point, Point, Point]
    score: float = 0.0  #: of the network that finds, 0 to 1
    probability: float = 0.0  #: that it is a face, says the network that places the points, 0 to 1
    roll: float = 0.0  #: degrees that the head is turned by, clockwise in the picture
    confidence: float = 0.0  #: mean probability of its labels, 0 to 1; 0 where it was not parsed
    track: int = 0  #: of a `Tracker`'s frame: its number from 1 on, for as long as it is followed


@dataclass(frozen=True)
class SkippedFace:
    """A face that was left out, and why."""

    box: Box
    score: float
    reason: str


def class_names(dataset: str) -> tuple[str, ...]:
    """The classes of a data set in the order of their labels, in full words; sides are those of the picture."""
    return _names(dataset, 0)


def _names(dataset: str, which: int) -> tuple[str, ...]:
    names: list[str] = []
    while (name := c.class_name(_number(DATASETS, dataset, "data set"), len(names), which)) is not None:
        names.append(name.decode())
    return tuple(names)


def class_colors(dataset: str) -> npt.NDArray[np.uint8]:
    """The colours of the classes of a data set: (classes, 3), red, green, blue."""
    number = _number(DATASETS, dataset, "data set")
    colors = [c.class_color(number, label) for label in range(len(class_names(dataset)))]
    return np.array([(color >> 16, color >> 8 & 255, color & 255) for color in colors], np.uint8)


def _number(known: tuple[str, ...], name: str, what: str) -> int:
    if name in known:
        return known.index(name)
    raise c.Error(f"{what} {name!r} is unknown{_nearest(name, known)}; known are {', '.join(known)}")


def _nearest(name: Any, known: tuple[str, ...]) -> str:
    nearest = difflib.get_close_matches(str(name), known, 1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _label(dataset: str, name: Any) -> int | None:
    for which in range(3):
        names = _names(dataset, which)
        if name in names:
            return names.index(name)
    return None


def _near_class(dataset: str, name: Any) -> str:
    return _nearest(name, sum((_names(dataset, which) for which in range(3)), ()))


def label_set(dataset: str, name: str) -> int:
    """The labels of a class or a group, a bit each; what is both, as "skin", is the class."""
    label = _label(dataset, name)
    if label is not None:
        return 1 << label
    labels: int = c.group_labels(DATASETS.index(dataset), GROUPS.index(name)) if name in GROUPS else 0
    if labels == 0:
        raise c.Error(
            f"class or group {name!r} is unknown{_near_class(dataset, name)}; known are "
            f"{', '.join(class_names(dataset))}, and the groups {', '.join(GROUPS)}"
        )
    return labels


@dataclass(frozen=True, eq=False)
class Mask:
    """A label for every pixel of a photo, and the faces that were parsed.

    `mask["hair"]` is where hair is, `mask.group("skin")` where several classes are that are often wanted together.
    """

    labels: npt.NDArray[np.uint8]  #: (height, width); 0: background, or that nobody looked
    dataset: str  #: "celeb", "lapa" or "helen": what labels mean, see class_names()
    faces: list[Face] = field(default_factory=list)  #: the largest first
    skipped: list[SkippedFace] = field(default_factory=list)
    confidence: npt.NDArray[np.float32] | None = None  #: (height, width), of each label, 0 to 1
    numbers: npt.NDArray[np.uint8] | None = None  #: (height, width): 1 where a label is of the first face, and so on
    #: (height, width): 255 in a face's own part, 128 in its surroundings, 0 where nobody looked
    coverage: npt.NDArray[np.uint8] | None = None
    logits: npt.NDArray[np.float32] | None = None  #: (classes, rows, columns) of a crop, before they are resized
    #: (height, width) of each class or group that was asked for: how much of a pixel is of it, 0 to 1
    mattes: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    _photo: tuple[npt.NDArray[np.uint8], str] | None = field(default=None, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What the labels mean, in full words: names[label]."""
        return class_names(self.dataset)

    def __getitem__(self, name: Union[str, int]) -> npt.NDArray[np.bool_]:
        """Where a class is, (height, width): by its name here ("image-left eye"), the publishers' ("l_eye"), the
        person's ("subject's right eye"), or its label."""
        if isinstance(name, (int, np.integer)):
            return np.equal(self.labels, name)
        label = _label(self.dataset, name)
        if label is not None:
            return np.equal(self.labels, label)
        group = f"; a group of classes is had by group({name!r})" if name in GROUPS else ""
        near = _near_class(self.dataset, name)
        raise c.Error(f"class {name!r} is unknown{near}{group}; known are {', '.join(self.names)}")

    def group(self, name: str) -> npt.NDArray[np.bool_]:
        """Where any class of a group is, (height, width): "skin" (all bare skin), "face" (without ears), "brows",
        "eyes", "ears", "lips", "mouth" (lips and what is between them), "hair"."""
        members = c.group_labels(DATASETS.index(self.dataset), _number(GROUPS, name, "group"))
        inside: npt.NDArray[np.bool_] = np.array([members >> label & 1 for label in range(256)], np.bool_)[self.labels]
        return inside

    def as_classes(self, numbering: str) -> npt.NDArray[np.uint8]:
        """The labels as other programs number them, (height, width): "bisenet" (facefusion, uniface and others),
        "celebamask" (CelebAMask-HQ's own), "celeb" and "lapa" (ours). 0 where a class has no number there."""
        table = np.empty(256, np.uint8)
        c.numbering(DATASETS.index(self.dataset), _number(NUMBERINGS, numbering, "numbering"), table.ctypes.data)
        return table[self.labels]

    def overlay(self, photo: Picture = None, order: str | None = None, *, alpha: float = 0.5) -> npt.NDArray[np.uint8]:
        """The photo mixed with the colours of its labels: (height, width, 3), red, green, blue. Without `photo`, the
        pixels that were parsed, as they are now."""
        view, kept = self._view_of(photo, order, "overlay")
        mixed = np.empty((*self.labels.shape, 3), np.uint8)
        labels = np.ascontiguousarray(self.labels, np.uint8)
        c.overlay(ctypes.byref(view), labels.ctypes.data, DATASETS.index(self.dataset), alpha, mixed.ctypes.data)
        return mixed

    def cutout(
        self, matte: Union[str, npt.NDArray[np.float32]], photo: Picture = None, order: str | None = None
    ) -> npt.NDArray[np.uint8]:
        """The photo where a matte is above 0, one of `mattes` by name, or a sum of some: (height, width, 4), red, green,
        blue and alpha, which is the matte's; not premultiplied. Colours are those of what is cut out alone: no old background
        shines through."""
        if isinstance(matte, str):
            if matte not in self.mattes:
                raise c.Error(f"there is no matte {matte!r}; ask for it: parse(photo, mattes=[{matte!r}])")
            matte = self.mattes[matte]
        view, kept = self._view_of(photo, order, "cutout")
        alpha = np.ascontiguousarray(matte, np.float32)
        if alpha.shape != self.labels.shape:
            raise c.Error(f"a matte of shape {alpha.shape} does not belong to labels of {self.labels.shape}")
        cut = np.empty((*alpha.shape, 4), np.uint8)
        c.cutout(ctypes.byref(view), alpha.ctypes.data, cut.ctypes.data)
        return cut

    def _view_of(self, photo: Picture, order: str | None, what: str) -> tuple[c.Image, npt.NDArray[np.uint8]]:
        if photo is None:
            if self._photo is None:
                raise c.Error(f"this mask came without its photo; give it: mask.{what}(..., photo, 'rgb')")
            photo, order = self._photo
        view, kept = view_of(photo, order)
        if kept.shape[:2] != self.labels.shape:
            raise c.Error(f"a photo of shape {kept.shape} does not belong to labels of {self.labels.shape}")
        return view, kept

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the labels as a PNG whose values they are, in the colours of their classes. A file that is there is
        replaced."""
        labels = np.ascontiguousarray(self.labels, np.uint8)
        height, width = labels.shape
        c.save_labels(path_bytes(path), labels.ctypes.data, width, height, DATASETS.index(self.dataset))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_photo": None}
