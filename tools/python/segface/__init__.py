"""Parses faces: a photo in, every face found, a label for every pixel out.

    import segface

    mask = segface.parse("photo.jpg")
    hair = mask["hair"]  # bool, (height, width)

`load` takes other networks than the demonstration that comes along; `Parser.parse` and `parse_crop` say what can be
asked. `Tracker` parses the frames of a video.
"""

from ._images import Picture, read
from ._library import Error
from ._library import version as _version
from ._mask import Face, Mask, SkippedFace, class_colors, class_names
from ._parser import Parser, load, parse
from ._tracker import Tracker

__version__ = "{}.{}.{}".format(_version() // 1000000, _version() // 1000 % 1000, _version() % 1000)
__all__ = [
    "Error",
    "Face",
    "Mask",
    "Parser",
    "Picture",
    "SkippedFace",
    "Tracker",
    "class_colors",
    "class_names",
    "load",
    "parse",
    "read",
]
