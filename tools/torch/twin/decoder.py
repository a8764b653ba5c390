"""The class-token decoder (paper, section 3.2): a learned token a class and the image attend to each other.

Shapes: K classes, N = h w image tokens (row-major), width 256, 8 heads.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS = 256, 8


class PositionEncoding(nn.Module):
    """Random Fourier features of the pixel centres, which are spread over [-1, 1]."""

    def __init__(self):
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, WIDTH // 2))

    def forward(self, height: int, width: int) -> torch.Tensor:
        """[N, 256]."""
        matrix = self.positional_encoding_gaussian_matrix
        v = (torch.arange(height, dtype=matrix.dtype, device=matrix.device) + 0.5) / height * 2 - 1
        u = (torch.arange(width, dtype=matrix.dtype, device=matrix.device) + 0.5) / width * 2 - 1
        points = torch.stack((u.expand(height, width), v[:, None].expand(height, width)), dim=-1)
        angles = 2 * math.pi * (points.reshape(-1, 2) @ matrix)
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


class Attention(nn.Module):
    """softmax(q k^T / sqrt(head width)) v in 8 heads, between four linear maps."""

    def __init__(self, inner: int):
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, inner)
        self.k_proj = nn.Linear(WIDTH, inner)
        self.v_proj = nn.Linear(WIDTH, inner)
        self.out_proj = nn.Linear(inner, WIDTH)

    def forward(self, q, k, v):
        def heads(x):
            return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

        q, k, v = heads(self.q_proj(q)), heads(self.k_proj(k)), heads(self.v_proj(v))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return self.out_proj((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))


class TokenMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1 = nn.Linear(WIDTH, 2048)
        self.lin2 = nn.Linear(2048, WIDTH)

    def forward(self, x):
        return self.lin2(F.relu(self.lin1(x)))


class TwoWayBlock(nn.Module):
    """Tokens to themselves, tokens to image, MLP on the tokens, image to tokens."""

    def __init__(self, first: bool):
        super().__init__()
        self.first = first
        self.self_attn = Attention(WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.cross_attn_token_to_image = Attention(WIDTH // 2)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = TokenMLP()
        self.norm3 = nn.LayerNorm(WIDTH)
        self.norm4 = nn.LayerNorm(WIDTH)
        self.cross_attn_image_to_token = Attention(WIDTH // 2)

    def forward(self, q, k, tokens, positions):
        if self.first:  # no residual: the tokens are their own position encoding, which q = tokens already holds
            q = self.norm1(self.self_attn(q, q, q))
        else:
            q = self.norm1(q + self.self_attn(q + tokens, q + tokens, q))
        q = self.norm2(q + self.cross_attn_token_to_image(q + tokens, k + positions, k))
        q = self.norm3(q + self.mlp(q))
        k = self.norm4(k + self.cross_attn_image_to_token(k + positions, q + tokens, q))
        return q, k


class TwoWayTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([TwoWayBlock(first=True), TwoWayBlock(first=False)])
        self.final_attn_token_to_image = Attention(WIDTH // 2)
        self.norm_final_attn = nn.LayerNorm(WIDTH)

    def forward(self, k, tokens, positions):
        """Image tokens [B, N, 256], class tokens [B, K, 256], positions [N, 256] -> tokens, image tokens."""
        q = tokens
        for layer in self.layers:
            q, k = layer(q, k, tokens, positions)
        q = self.norm_final_attn(q + self.final_attn_token_to_image(q + tokens, k + positions, k))
        return q, k


class LayerNorm2d(nn.Module):
    """LayerNorm over the channels of [B, C, h, w]."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


class HyperMLP(nn.Module):
    """A token to the 32 weights of its mask; one network for all classes."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 32)])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class FaceDecoder(nn.Module):
    def __init__(self, token_names):
        super().__init__()
        self.transformer = TwoWayTransformer()
        self.token_names = [f"{name}_token" for name in token_names]
        for name in self.token_names:
            setattr(self, name, nn.Embedding(1, WIDTH))
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, 64, 2, stride=2), LayerNorm2d(64), nn.GELU(),
            nn.ConvTranspose2d(64, 32, 2, stride=2), nn.GELU())
        self.output_hypernetwork_mlps = HyperMLP()

    def forward(self, fused, positions, record):
        """Fused map [B, 256, h, w], positions [N, 256] -> logits [B, K, 4h, 4w]."""
        batch, _, height, width = fused.shape
        tokens = torch.cat([getattr(self, name).weight for name in self.token_names])
        tokens = tokens.expand(batch, -1, -1)
        tokens, keys = self.transformer(fused.flatten(2).transpose(1, 2), tokens, positions)
        image = record("keys", keys.transpose(1, 2).reshape(batch, WIDTH, height, width))
        upscaled = record("upscaled", self.output_upscaling(image))
        hyper = record("hyper", self.output_hypernetwork_mlps(record("tokens", tokens)))
        return (hyper @ upscaled.flatten(2)).unflatten(2, upscaled.shape[2:])
