"""Pictures of NumPy, Pillow and PyTorch, and files, as the library takes them: nothing is copied."""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _library as c

# What a picture may be: an array or CPU tensor of uint8, (height, width, channels) or (height, width); a picture of
# Pillow's; the path of a PNG or JPEG.
Picture = Union[str, "os.PathLike[str]", npt.NDArray[np.uint8], Any]

ORDERS = ("rgb", "bgr", "rgba", "bgra", "gray")


def path_bytes(path: Union[str, os.PathLike[str]]) -> bytes:
    """A path as the library takes it."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise c.Error(f"the path {path!r} has a zero byte in it, which no path has")
    return name


def read(path: Union[str, os.PathLike[str]]) -> npt.NDArray[np.uint8]:
    """The picture of a PNG or JPEG, upright as its EXIF says: uint8 (height, width, 3), red, green, blue."""
    handle = c.Handle(c.picture_read, c.picture_free, path_bytes(path))
    view = c.Image()
    c.picture_view(handle.pointer, ctypes.byref(view))
    memory = (ctypes.c_uint8 * (view.height * view.stride)).from_address(view.pixels)
    weakref.finalize(memory, lambda kept: None, handle)  # lives as long as the array does
    return np.frombuffer(memory, np.uint8).reshape(view.height, view.width, 3)


def _array(image: Any, order: str | None) -> tuple[npt.NDArray[Any], str | None]:
    if isinstance(image, (str, os.PathLike)):
        if order not in (None, "rgb"):
            raise c.Error(f"files are read as 'rgb'; the order {order!r} does not change that: leave it out")
        return read(image), "rgb"
    mode = getattr(image, "mode", None)
    if isinstance(mode, str) and hasattr(image, "getbands"):  # Pillow's
        known = {"RGB": "rgb", "RGBA": "rgba", "L": "gray"}
        if mode not in known:
            image, mode = image.convert("RGB"), "RGB"
        if order not in (None, known[mode]):
            raise c.Error(
                f"a picture of Pillow's in mode {mode} is {known[mode]!r}, not {order!r}: leave the order out"
            )
        return np.asarray(image), known[mode]
    if not any(hasattr(image, name) for name in ("__array__", "__array_interface__", "__dlpack__")):
        raise c.Error(
            f"{type(image).__name__} is no picture; expected an array or CPU tensor of uint8, Pillow's, or a path"
        )
    try:
        if hasattr(image, "__array__") or hasattr(image, "__array_interface__"):
            return np.asarray(image), order
        return np.from_dlpack(image), order
    except (TypeError, RuntimeError, BufferError, ValueError) as failure:  # a tensor on a GPU, for example
        raise c.Error(f"this {type(image).__name__} is no array in this process's memory: {failure}") from failure


def view_of(image: Picture, order: str | None) -> tuple[c.Image, npt.NDArray[np.uint8]]:
    """The library's view of a picture, and the array that it views, which has to be kept."""
    array, order = _array(image, order)
    shape = array.shape
    if array.dtype != np.uint8:
        raise c.Error(
            f"the pixels are {array.dtype}; expected uint8, 0 to 255 (of floats from 0 to 1: "
            "(255 * image).round().astype(np.uint8))"
        )
    if order is None and array.ndim == 2:
        order = "gray"
    if order is None:
        raise c.Error(
            "the order of colours is not said, and has no default, as a face with red and blue exchanged still looks "
            "like one: 'rgb' as Pillow and imageio read it, 'bgr' as cv2.imread does, 'rgba', 'bgra' or 'gray'"
        )
    if order not in ORDERS:
        raise c.Error(f"the order of colours {order!r} is unknown; known are {', '.join(ORDERS)}")
    channels = 1 if order == "gray" else len(order)
    if array.ndim == 2 and channels == 1:
        array = array[:, :, np.newaxis]
    if array.ndim != 3 or array.shape[2] != channels or 0 in array.shape:
        first = " (channels come last: image.transpose(1, 2, 0))" if array.ndim == 3 and shape[0] in (1, 3, 4) else ""
        raise c.Error(f"the shape is {shape}; expected (height, width, {channels}) of {order!r} pixels{first}")
    packed = (shape[1] * channels, channels, 1)
    # Of a side of one pixel, strides mean nothing.
    row, pixel, channel = (has if side > 1 else want for has, side, want in zip(array.strides, array.shape, packed))
    if channel != 1 or pixel != channels or row < packed[0]:
        raise c.Error(
            f"strides {array.strides} of shape {shape}: the bytes of a row must follow each other and rows go down; "
            "np.ascontiguousarray(image) makes it so (instead of image[..., ::-1], name the other order)"
        )
    return c.Image(array.ctypes.data, shape[1], shape[0], row, 1 + ORDERS.index(order)), array


def writable(out: npt.NDArray[np.uint8] | None, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """`out` where it may take the labels of a photo; a new array where it is None."""
    shape = photo.shape[:2]
    if out is None:
        return np.empty(shape, np.uint8)
    if not isinstance(out, np.ndarray) or out.dtype != np.uint8 or out.shape != shape:
        found = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise c.Error(f"out is {found}; expected an array of uint8 {shape}, the photo's height and width")
    if not out.flags.writeable or not out.flags.c_contiguous:
        raise c.Error("out is read-only, or has gaps between its rows; expected an array of its own")
    if np.may_share_memory(out, photo):
        raise c.Error("out is memory of the photo, which is still read when labels are written; expected one of its own")
    return out
