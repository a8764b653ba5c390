"""The finder's two networks: YuNet-s finds faces, MTCNN's O-Net places five points in each.

YuNet: floats 0..255, blue, green, red, [B, 3, H, W] with H and W multiples of 32 -> at strides 8, 16, 32 the maps cls
and obj [B, 1, h, w] (logits), bbox [B, 4, h, w], kps [B, 10, h, w]. Mirrors YuNet_s of libfacedetection.train, its
norms folded as in the released weights. Traps: no activation between the halves of a unit; no pool behind model1.

O-Net: red, green, blue as (x - 127.5) / 128, [B, 3, 48, 48] -> logits (no face, face) [B, 2], box [B, 4], points
[B, 10] (five x, then five y, in parts of the window). Mirrors ONet of facenet-pytorch without its softmax. Trap: the
columns of dense5 count x first, then y, then channels: (x * 3 + y) * 128 + c.
"""
import torch
from torch import nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
MULTIPLE = 32
OUTPUTS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}  # channels of each head


def _keep(name, value):
    return value


class Unit(nn.Module):
    """Pointwise, then depthwise 3 x 3, then ReLU but in a head."""

    def __init__(self, channels: int, out: int, relu: bool = True):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 1)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, groups=out)
        self.relu = relu

    def forward(self, x):
        x = self.conv2(self.conv1(x))
        return F.relu(x) if self.relu else x


class Stem(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.conv2 = Unit(16, 16)

    def forward(self, x):
        return self.conv2(F.relu(self.conv1(x)))


class Pair(nn.Module):
    def __init__(self, channels: int, out: int):
        super().__init__()
        self.conv1 = Unit(channels, channels)
        self.conv2 = Unit(channels, out)

    def forward(self, x):
        return self.conv2(self.conv1(x))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.model0 = Stem()
        self.model1 = Pair(16, 32)
        self.model2 = Pair(32, 64)
        self.model3, self.model4, self.model5 = Pair(64, 64), Pair(64, 64), Pair(64, 64)

    def forward(self, x, record):
        x = record("model0", self.model0(x))
        x = record("model1", self.model1(F.max_pool2d(x, 2)))
        x = record("model2", self.model2(x))
        c3 = record("model3", self.model3(F.max_pool2d(x, 2)))
        c4 = record("model4", self.model4(F.max_pool2d(c3, 2)))
        c5 = record("model5", self.model5(F.max_pool2d(c4, 2)))
        return c3, c4, c5


class Neck(nn.Module):
    def __init__(self):
        super().__init__()
        self.lateral_convs = nn.ModuleList([Unit(64, 64) for _ in STRIDES])

    def forward(self, maps, record):
        c3, c4, c5 = maps
        p5 = record("neck2", self.lateral_convs[2](c5))
        p4 = record("neck1", self.lateral_convs[1](c4 + F.interpolate(p5, scale_factor=2, mode="nearest")))
        p3 = record("neck0", self.lateral_convs[0](c3 + F.interpolate(p4, scale_factor=2, mode="nearest")))
        return p3, p4, p5


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        for name, channels in OUTPUTS.items():
            units = [Unit(64, channels, relu=False) for _ in STRIDES]
            setattr(self, f"multi_level_{name}", nn.ModuleList(units))

    def forward(self, maps, record):
        return [{name: record(f"{name}{level}", getattr(self, f"multi_level_{name}")[level](x)) for name in OUTPUTS}
                for level, x in enumerate(maps)]


class YuNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.neck, self.bbox_head = Backbone(), Neck(), Head()

    def forward(self, picture, record=_keep):
        """[B, 3, H, W] -> for each stride a dict of the four maps. record(name, value) sees each stage."""
        return self.bbox_head(self.neck(self.backbone(picture, record), record), record)


class ONet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, window, record=_keep):
        """[B, 3, 48, 48] -> logits [B, 2], box [B, 4], points [B, 10]. record(name, value) sees each stage."""
        x = record("conv1", self.prelu1(self.conv1(window)))
        x = record("conv2", self.prelu2(self.conv2(F.max_pool2d(x, 3, 2, ceil_mode=True))))
        x = record("conv3", self.prelu3(self.conv3(F.max_pool2d(x, 3, 2, ceil_mode=True))))
        x = record("conv4", self.prelu4(self.conv4(F.max_pool2d(x, 2, 2, ceil_mode=True))))
        x = record("dense5", self.prelu5(self.dense5(x.permute(0, 3, 2, 1).flatten(1))))
        return (record("logits", self.dense6_1(x)), record("box", self.dense6_2(x)),
                record("points", self.dense6_3(x)))


def load_finder(path) -> tuple[YuNet, ONet]:
    """Both networks of a finder's weight file, in double. Raises where a tensor is missing, left over or misshaped."""
    from safetensors.torch import load_file
    tensors = load_file(path)
    networks = []
    for prefix, network in (("yunet.", YuNet()), ("onet.", ONet())):
        network.load_state_dict({name[len(prefix):]: tensor for name, tensor in tensors.items()
                                 if name.startswith(prefix)})
        networks.append(network.double().eval())
    return tuple(networks)
