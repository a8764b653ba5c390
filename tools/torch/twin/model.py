"""SegFace: backbone, fusion of its four maps, class-token decoder."""
import torch
from torch import nn
from torch.nn import functional as F

from . import tanh_warp
from .backbones import BACKBONES, make_backbone, pyramid
from .decoder import WIDTH, FaceDecoder, PositionEncoding

# The tokens of each data set in the order of its labels, by the official names.
_CELEB = ("background neck face cloth rightear leftear rightbro leftbro righteye lefteye nose innermouth lowerlip "
          "upperlip hair glass hat earring necklace").split()
_LAPA = "background face leftbro rightbro lefteye righteye nose upperlip innermouth lowerlip hair".split()
CLASSES = {"celeb": _CELEB, "lapa": _LAPA, "helen": _LAPA}

# A picture from 0 to 1, less MEAN and over DEVIATION, is what the network is shown; red, green, blue.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Projection(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.proj = nn.Linear(channels, WIDTH)

    def forward(self, x):
        return self.proj(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SegFace(nn.Module):
    """Logits of a normalised picture; `backbone` is a name of BACKBONES, `dataset` one of CLASSES."""

    def __init__(self, backbone: str, dataset: str):
        super().__init__()
        self.backbone_name, self.dataset = backbone, dataset
        self.backbone = make_backbone(backbone)
        self.pe_layer = PositionEncoding()
        self.face_decoder = FaceDecoder(CLASSES[dataset])
        self.linear_c = nn.ModuleList([Projection(channels) for channels in BACKBONES[backbone].channels])
        self.linear_fuse = nn.Conv2d(4 * WIDTH, WIDTH, 1, bias=False)

    def forward(self, image, landmarks=None, record=lambda name, value: value):
        """Image [B, 3, H, W] -> logits [B, K, 4h, 4w]; with LaPa landmarks [B, 5, 2] in pixels -> [B, K, R, R].

        record(name, value) sees each stage under its name in the goldens, and returns what goes on.
        """
        if self.dataset == "lapa":
            if landmarks is None:
                raise ValueError("a LaPa network needs the landmarks [B, 5, 2] of each picture, in its pixels: left "
                                 "eye, right eye, nose, left and right mouth corner, as seen in the picture")
            side = image.shape[-1]
            image = record("warped", tanh_warp.warp(image, landmarks))
        maps = pyramid(self.backbone, self.backbone_name, image)
        for level, feature in enumerate(maps):
            record(f"feature{level}", feature)
        fused = record("fused", self.fuse(maps))
        logits = self.face_decoder(fused, self.pe_layer(*fused.shape[2:]), record)
        if self.dataset == "lapa":
            logits = tanh_warp.unwarp(logits, landmarks, side)
        return record("logits", logits)

    def fuse(self, maps):
        """Maps [B, C_i, h / 2^i, w / 2^i] -> [B, WIDTH, h, w]."""
        levels = [F.interpolate(linear(feature), size=maps[0].shape[2:], mode="bilinear", align_corners=False)
                  for linear, feature in zip(self.linear_c, maps)]
        return self.linear_fuse(torch.cat(levels[::-1], dim=1))
