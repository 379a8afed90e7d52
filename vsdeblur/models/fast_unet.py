"""The generator of `brmr`'s model "fast": pix2pix's U-Net, with its work where blur is seen.

pix2pix has one layer at each size, and most of its weights where a pixel stands for 16 or more.
Here residual blocks lie at the three largest sizes, the full size is kept as channels, and no
layer pads but with zeros: replicating borders cost a third of the time of a training step.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import NoiseDropout, ResidualBlock, pad_by_reflection, residual_stack, scaled_residual

__all__ = ["FastUNetGenerator"]

DROPOUT_LAYERS = 3
"""Decoder layers with dropout, from the innermost on, as in pix2pix."""


class FastUNetGenerator(nn.Module):
    """A U-Net of residual blocks on pixel-unshuffled pictures, with a global skip (our own design).

    What it predicts is added to the input in units of the picture's contrast: what is flat or dark
    stays as it is.

    Args:
        levels: How often the picture is halved; 8 for whole pictures, 7 for 128x128 patches.
        width: Channels at half the picture's size; they double with every level.
        max_width: Channels at most.
        blocks: Residual blocks at the outermost levels, on the way down and again on the way up.
        dropout: Share of the features dropped in the three innermost decoder layers.
    """

    global_skip = True

    def __init__(
        self,
        *,
        levels: int = 8,
        width: int = 32,
        max_width: int = 256,
        blocks: tuple[int, ...] = (2, 2, 2),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.multiple_of = 2**levels
        widths = [min(width * 2**i, max_width) for i in range(levels)]
        counts = [*blocks, *[0] * levels][: levels - 1]
        self.stem = nn.Conv2d(12, width, 3, padding=1)
        self.encoders = nn.ModuleList(_stack(w, n) for w, n in zip(widths, counts, strict=False))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(
            nn.Conv2d(b, 4 * a, 1) for a, b in reversed(list(pairwise(widths)))
        )
        self.dropouts = nn.ModuleList(
            NoiseDropout(dropout if i < DROPOUT_LAYERS else 0.0) for i in range(levels - 1)
        )
        self.decoders = nn.ModuleList(map(_stack, widths[-2::-1], counts[::-1]))
        self.head = nn.Conv2d(width, 12, 3, padding=1)
        self.apply(_initialize)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.calm()
        with torch.no_grad():  # the first output is nearly the input
            self.head.weight.mul_(0.1)

    @torch.no_grad()
    def start_from(self, larger: FastUNetGenerator) -> None:
        """Take over the layers of a generator with one level more, its innermost left out."""
        state = larger.state_dict()
        own = self.state_dict()
        inner = len(larger.ups) - len(self.ups)
        for name, value in own.items():
            kind, _, rest = name.partition(".")
            if kind in ("ups", "decoders"):  # numbered from the innermost on
                index, _, rest = rest.partition(".")
                name = f"{kind}.{int(index) + inner}.{rest}"
            value.copy_(state[name])

    def forward(self, blurred: Tensor) -> Tensor:
        """Deblur a picture.

        Args:
            blurred: (N, 3, H, W), in [0, 1], of any size: it is padded by reflection at the bottom
                and at the right to what the levels need, and the result is cropped.

        Returns:
            (N, 3, H, W), same scale, not clamped.
        """
        return blurred + self.residual(blurred)

    def residual(self, blurred: Tensor) -> Tensor:
        """What is added to the input: (N, 3, H, W) -> (N, 3, H, W)."""
        return scaled_residual(self._translate, blurred)

    def _translate(self, picture: Tensor) -> Tensor:
        """The U-Net itself, on zero-centred values."""
        height, width = picture.shape[-2:]
        x = F.relu(self.stem(F.pixel_unshuffle(pad_by_reflection(picture, self.multiple_of), 2)))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = F.relu(down(x))
        for up, dropout, decoder in zip(self.ups, self.dropouts, self.decoders, strict=True):
            x = decoder(F.relu(dropout(F.pixel_shuffle(up(x), 2))) + skips.pop())
        return F.pixel_shuffle(self.head(x), 2)[..., :height, :width]


def _stack(width: int, count: int) -> nn.Sequential:
    return residual_stack(width, count, padding_mode="zeros")


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
