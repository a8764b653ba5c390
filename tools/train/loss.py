"""Cross-entropy and dice, half and half."""

import torch
from torch.nn import functional as F

from faces import IGNORED


def loss(logits: torch.Tensor, labels: torch.Tensor):
    """Logits [B, K, H, W] and labels [B, H, W] -> (loss, cross-entropy alone).

    Dice is over the classes that occur in the batch: one that does not would have no gradient but to vanish.
    """
    logits = logits.float()
    entropy = F.cross_entropy(logits, labels, ignore_index=IGNORED)
    classes = logits.shape[1]
    known = labels != IGNORED
    shares = logits.softmax(1).permute(0, 2, 3, 1)[known]  # [N, K]
    truth = labels[known]
    right = shares.gather(1, truth[:, None])[:, 0]
    overlap = torch.zeros(classes, device=logits.device).index_add(0, truth, right)
    count = torch.bincount(truth, minlength=classes).float()
    dice = (2 * overlap + 1) / (shares.sum(0) + count + 1)
    return 0.5 * entropy + 0.5 * (1 - dice[count > 0].mean()), entropy.detach()
