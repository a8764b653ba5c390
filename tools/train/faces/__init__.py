"""Faces drawn by rule, with their 19 CelebAMask-HQ labels."""

from .compose import render
from .labels import IGNORED, MIRRORED, NAMES

__all__ = ["IGNORED", "MIRRORED", "NAMES", "render"]
