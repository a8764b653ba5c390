"""A PyTorch twin of SegFace: the same tensors under the same names as the official checkpoints."""
from .backbones import BACKBONES
from .checkpoint import load_checkpoint, save_checkpoint
from .model import CLASSES, SegFace
from .synthetic import fill_with_synthetic_values

__all__ = ["BACKBONES", "CLASSES", "SegFace", "fill_with_synthetic_values", "load_checkpoint", "save_checkpoint"]
