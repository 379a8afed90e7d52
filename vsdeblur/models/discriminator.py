"""The discriminator of DBLRGAN (paper 001, section III.B and Table II)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BLUR", "SHARP", "FrameDiscriminator"]

SHARP, BLUR = 0, 1
"""Classes: a real sharp frame, a frame that a generator made."""

GROUPS = ((1, 2), (2, 3), (4, 3), (8, 3), (8, 3))
"""(Multiple of the width, convolutions) of each group; 14 convolutions in all."""


class FrameDiscriminator(nn.Module):
    """Tells sharp frames from restored ones: VGG-like, 14 convolutions and 2 linear layers.

    The paper gives the number of layers, the widths (64 to 512), batch normalisation behind each
    and the two linear layers. How the 14 divide into groups, and that the last of each group
    halves the size by a stride of 2 in place of pooling, follows the guidelines the paper names
    (Radford et al.) and is our own choice.

    Args:
        crop: Height and width of the frames, in pixels; divides by 32.
        width: Channels of the first group.
        hidden: Units of the first linear layer.
    """

    def __init__(self, *, crop: int = 128, width: int = 64, hidden: int = 4096) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for multiple, count in GROUPS:
            for index in range(count):
                stride = 2 if index == count - 1 else 1
                layers += _normalized(channels, multiple * width, stride)
                channels = multiple * width
        self.features = nn.Sequential(*layers)
        side = crop // 2 ** len(GROUPS)
        self.linear1 = nn.Linear(channels * side * side, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.linear2 = nn.Linear(hidden, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """Log-probabilities of the classes SHARP and BLUR: (N, 1, H, W) in [0, 1] -> (N, 2)."""
        hidden = F.relu(self.norm(self.linear1(self.features(frames).flatten(1))))
        return torch.log_softmax(self.linear2(hidden).float(), 1)


def _normalized(channels_in: int, channels_out: int, stride: int) -> list[nn.Module]:
    conv = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]
