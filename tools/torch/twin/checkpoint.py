"""Checkpoints as the official training writes them: a dict whose `state_dict_backbone` is the whole network's."""
import torch

KEY = "state_dict_backbone"


def load_checkpoint(model: torch.nn.Module, path: str) -> torch.nn.Module:
    """Strict: every tensor of the network must be there, and none else."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if KEY not in checkpoint:
        raise ValueError(f"{path}: no SegFace checkpoint: it holds {', '.join(map(str, checkpoint))}, not '{KEY}'")
    model.load_state_dict(checkpoint[KEY], strict=True)
    return model


def save_checkpoint(model: torch.nn.Module, path: str, **others) -> None:
    torch.save({KEY: model.state_dict(), **others}, path)
