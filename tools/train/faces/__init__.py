"""Faces drawn by rule, with their 19 CelebAMask-HQ labels."""

from .compose import TRAINING_SHARES, render
from .labels import IGNORED, MIRRORED, NAMES

__all__ = ["IGNORED", "MIRRORED", "NAMES", "TRAINING_SHARES", "render"]
