"""Functions in the place of brmr's networks, and a picture for them to work on."""

import torch
from torch.nn import functional as F


def nothing(pictures):
    """A generator that changes nothing."""
    return torch.zeros_like(pictures)


def brighter(pictures, step=0.01):
    """A generator that lightens a little."""
    return torch.full_like(pictures, step)


def likes_light(pairs):
    """A critic for which light is sharp; with reach 0: a value depends on its own pixels."""
    light = F.avg_pool2d(pairs[:, 3:].mean(1, keepdim=True), 8)
    return torch.cat([light, -light], 1)


def likes_darkness(pairs):
    return -likes_light(pairs)


def picture(height=256, width=320):
    """Grey with a dark square, the darkest around (200, 120)."""
    y, x = torch.arange(height)[:, None], torch.arange(width)
    distance = ((y - 120.0) ** 2 + (x - 200.0) ** 2).sqrt()
    return (0.3 + 0.3 * (distance / 300).clamp(0, 1)).expand(3, height, width).contiguous()
