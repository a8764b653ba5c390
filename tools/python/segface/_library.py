"""libsegface by ctypes: its structures and functions as include/segface/c/segface.h has them, its errors as exceptions.

A call releases the interpreter's lock, so that other threads of Python run beside it.
"""

from __future__ import annotations

import ctypes
import platform
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_ssize_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any, Callable

PACKAGE = Path(__file__).resolve().parent
WEIGHTS = PACKAGE / "share" / "segface"
INTERFACE = "0.2"  # of the header: major and minor version


class Error(Exception):
    """What the library refuses, in its words. `code` is its kind: "invalid_argument", "io", "busy" and so on."""

    def __init__(self, message: str, code: str = "invalid_argument") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[Error], tuple[str, str]]:
        return Error, (str(self), self.code)


Error.__module__ = "segface"  # as it is named by users


class Sized(ctypes.Structure):
    """A structure that begins with its size."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(size=ctypes.sizeof(self), **fields)


class Image(ctypes.Structure):
    _fields_ = [
        ("pixels", c_void_p),
        ("width", c_ssize_t),
        ("height", c_ssize_t),
        ("stride", c_ssize_t),
        ("order", c_int32),
    ]


class FoundFace(ctypes.Structure):
    _fields_ = [
        *((name, c_double) for name in ("x", "y", "width", "height")),
        ("landmarks", c_double * 10),
        *((name, c_double) for name in ("score", "probability", "roll", "confidence")),
    ]


class LeftOutFace(ctypes.Structure):
    _fields_ = [*((name, c_double) for name in ("x", "y", "width", "height", "score")), ("reason", c_int32)]


class Faces(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("found", POINTER(FoundFace)),
        ("found_room", c_size_t),
        ("found_count", c_size_t),
        ("skipped", POINTER(LeftOutFace)),
        ("skipped_room", c_size_t),
        ("skipped_count", c_size_t),
    ]


class Options(Sized):
    _fields_ = [("size", c_size_t), *((name, c_int32) for name in ("threads", "self_test", "precision"))]


class Info(Sized):
    _fields_ = [
        ("size", c_size_t),
        *((name, c_char_p) for name in ("backbone", "source_digest", "finder_origin", "finder_terms")),
        *((name, c_int32) for name in ("dataset", "classes", "resolution", "needs_landmarks")),
        *((name, c_int32) for name in ("logits_height", "logits_width", "threads", "precision")),
    ]


class FindOptions(Sized):
    _fields_ = [
        ("size", c_size_t),
        *((name, c_double) for name in ("smallest", "smallest_share", "threshold")),
        ("turns", c_int32),
        ("small_faces", c_int32),
    ]


ProgressFunction = ctypes.CFUNCTYPE(ctypes.c_int, c_double, c_void_p)


class Region(Sized):
    _fields_ = [
        ("size", c_size_t),
        *((name, c_int32) for name in ("kind", "x", "y", "width", "height")),
        ("landmarks", POINTER(c_double)),
    ]


class PhotoOptions(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("find", POINTER(FindOptions)),
        ("known", POINTER(FoundFace)),
        ("known_count", c_size_t),
        ("surroundings", c_int32),
        ("progress", ProgressFunction),
        ("context", c_void_p),
        ("regions", POINTER(Region)),
        ("region_count", c_size_t),
        ("mattes", POINTER(c_uint32)),
        ("matte_count", c_size_t),
        ("refine", c_int32),
    ]


class PhotoResults(Sized):
    _fields_ = [
        ("size", c_size_t),
        *((name, c_void_p) for name in ("labels", "numbers", "coverage", "confidence")),
        ("faces", POINTER(Faces)),
        ("mattes", c_void_p),
        ("tracks", POINTER(c_int64)),
    ]


class TrackOptions(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("photo", POINTER(PhotoOptions)),
        ("smooth", c_double),
        ("rate", c_double),
        ("every", c_int32),
        ("most", c_int32),
    ]


class CropOptions(Sized):
    _fields_ = [("size", c_size_t), ("landmarks", c_void_p), ("progress", ProgressFunction), ("context", c_void_p)]


class CropResults(Sized):
    _fields_ = [
        ("size", c_size_t),
        *((name, c_void_p) for name in ("labels", "confidence", "logits")),
        ("logits_room", c_size_t),
    ]


def _open() -> ctypes.CDLL:
    names = (
        f"lib/libsegface.so.{INTERFACE}",
        f"lib/libsegface.{INTERFACE}.dylib",
        "bin/segface.dll",
        "bin/libsegface.dll",
    )
    system = " ".join(platform.libc_ver()).strip() or platform.system()
    machine = f"{8 * ctypes.sizeof(c_void_p)} bits, {platform.machine()}, {system}"
    advice = "`pip install .` in a clone of its sources makes a package for this machine"
    for name in names:
        if not (PACKAGE / name).is_file():
            continue
        try:
            return ctypes.CDLL(str(PACKAGE / name))
        except OSError as failure:
            raise ImportError(
                f"segface: its library was built for another machine than this one ({machine}): {failure}; {advice}"
            ) from failure
    raise ImportError(f"segface: {PACKAGE} has no libsegface {INTERFACE}, as this package needs ({machine}); {advice}")


_library = _open()


def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = _library[f"segface_{name}"]
    function.restype, function.argtypes = result, arguments  # type: ignore[attr-defined]
    return function


_last_error = _function("last_error", c_char_p)
_status_name = _function("status_name", c_char_p, c_int32)


def _checked(name: str, *arguments: Any) -> Callable[..., None]:
    function = _function(name, c_int32, *arguments)

    def call(*values: Any) -> None:
        status = function(*values)
        if status != 0:
            raise Error(_last_error().decode(), _status_name(status).decode())

    return call


version = _function("version", c_uint32)
load = _checked("load", c_char_p, c_char_p, POINTER(Options), POINTER(c_void_p))
load_memory = _checked("load_memory", c_char_p, c_size_t, c_char_p, c_size_t, POINTER(Options), POINTER(c_void_p))
free = _function("free", None, c_void_p)
get_info = _checked("get_info", c_void_p, POINTER(Info))
find = _checked("find", c_void_p, POINTER(Image), POINTER(FindOptions), POINTER(Faces))
parse_photo = _checked("parse_photo", c_void_p, POINTER(Image), POINTER(PhotoOptions), POINTER(PhotoResults))
tracker_new = _checked("tracker_new", c_void_p, POINTER(TrackOptions), POINTER(c_void_p))
tracker_next = _checked("tracker_next", c_void_p, POINTER(Image), POINTER(PhotoResults))
tracker_free = _function("tracker_free", None, c_void_p)
workspace_new = _checked("workspace_new", c_void_p, POINTER(c_void_p))
workspace_free = _function("workspace_free", None, c_void_p)
parse_crop = _checked("parse_crop", c_void_p, POINTER(Image), POINTER(CropOptions), POINTER(CropResults))
class_name = _function("class_name", c_char_p, c_int32, c_int32, c_int32)
class_color = _function("class_color", c_uint32, c_int32, c_int32)
group_labels = _function("group_labels", c_uint32, c_int32, c_int32)
numbering = _checked("numbering", c_int32, c_int32, c_void_p)
picture_read = _checked("picture_read", c_char_p, POINTER(c_void_p))
picture_view = _checked("picture_view", c_void_p, POINTER(Image))
picture_free = _function("picture_free", None, c_void_p)
overlay = _checked("overlay", POINTER(Image), c_void_p, c_int32, c_double, c_void_p)
cutout = _checked("cutout", POINTER(Image), c_void_p, c_void_p)
save_labels = _checked("save_labels", c_char_p, c_void_p, c_ssize_t, c_ssize_t, c_int32)


class Handle:
    """Something of the library's, given back when nobody uses it any more."""

    def __init__(self, make: Callable[..., None], free: Callable[..., Any], *arguments: Any) -> None:
        self.pointer = c_void_p()
        self._free = free
        make(*arguments, ctypes.byref(self.pointer))

    def __del__(self) -> None:
        self._free(self.pointer)
