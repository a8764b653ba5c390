"""Tracker: the frames of a video."""

from __future__ import annotations

import ctypes
from ctypes import byref
from typing import Any, Iterable, Literal

import numpy as np
import numpy.typing as npt

from . import _library as c
from ._images import Picture
from ._mask import Mask
from ._parser import MOST, Parser, Progress, _address, _Call, _find_options, _matte_sets, _Room, _Watch, own_parser

UNSMOOTHED = -1.0


class Tracker:
    """The frames of one video, each parsed as a photo, with faces and labels that hold still.

    Faces are looked for in every few frames and followed in between; a face that is new or jumps, and all of them where
    the scene changes, begin anew. What is told of a frame depends on the frames before it alone. One thread uses it at a
    time.

        tracker = segface.Tracker(rate=25)
        for frame in frames:
            mask = tracker.next(frame, "bgr")
    """

    def __init__(
        self,
        parser: Parser | None = None,
        *,
        every: int = 5,
        smooth: float = 1,
        rate: float = 30,
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
        progress: Progress | None = None,
    ) -> None:
        """
        parser: with a finder; None: one that is loaded once, by `load()`.
        every: faces are looked for in every so many frames, from 1 on.
        smooth: how much is smoothed: 0, nothing, to 10. 1 forgets in a third of a second. With 0 and `every=1`, frames are
            as photos of their own.
        rate: frames a second, 0.01 to 10000.
        most: faces at a time, the largest; None: 255.
        smallest, smallest_share, threshold, turns, small_faces: see `Parser.find`.
        surroundings, mattes, refine, confidence, progress: see `Parser.parse`.
        """
        parser = own_parser() if parser is None else parser
        if not 1 <= every < 2**31:
            raise c.Error(f"every: {every}; expected frames, from 1 on")
        if not 0 <= smooth <= 10:
            raise c.Error(f"smooth: {smooth}; expected a number from 0, nothing, to 10")
        if not 0.01 <= rate <= 10000:
            raise c.Error(f"rate: {rate}; expected frames a second, from 0.01 to 10000")
        self._parser = parser
        self._room = _Room(MOST if most is None else most)
        self._confidence = confidence
        self._watch = _Watch(progress)
        self._names, sets = _matte_sets(parser.dataset, mattes)
        find = _find_options(smallest, smallest_share, threshold, turns, small_faces)
        photo = c.PhotoOptions(
            find=ctypes.pointer(find), surroundings=surroundings, refine=refine, progress=self._watch.function
        )
        photo.mattes, photo.matte_count = sets, len(self._names)
        options = c.TrackOptions(
            photo=ctypes.pointer(photo), smooth=smooth or UNSMOOTHED, rate=rate, every=every, most=self._room.most
        )
        self._tracker = c.Handle(c.tracker_new, c.tracker_free, parser._handle.pointer, byref(options))

    def next(self, image: Picture, order: str | None = None, *, out: npt.NDArray[np.uint8] | None = None) -> Mask:
        """The next frame. Its faces are in the order in which they appeared, and each has its number in `Face.track`. One of
        another size than the last begins another scene.

        image, order, out: see `Parser.parse`.
        """
        call = _Call(self._parser, image, order, self._confidence, out)
        numbers, coverage = np.empty(call.shape, np.uint8), np.empty(call.shape, np.uint8)
        planes = np.empty((len(self._names), *call.shape), np.float32)
        results = c.PhotoResults(
            labels=_address(call.labels),
            numbers=_address(numbers),
            coverage=_address(coverage),
            confidence=_address(call.confidence),
            faces=ctypes.pointer(self._room.faces),
            mattes=_address(planes),
            tracks=self._room.tracks,
        )
        with self._watch:
            c.tracker_next(self._tracker.pointer, byref(call.view), byref(results))
        return call.mask(self._room, numbers=numbers, coverage=coverage, mattes=dict(zip(self._names, planes)))

    def __reduce__(self) -> tuple[Any, ...]:
        raise c.Error("a tracker cannot be pickled: it knows the frames before; make one where they are parsed")
