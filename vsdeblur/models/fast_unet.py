"""The generator of `brmr`'s model "fast": a U-Net that works where blur is seen, and measures it.

pix2pix has one layer at each size, and most of its weights where a pixel stands for 16 or more.
Here residual blocks lie at the largest sizes, the full size is kept as channels, and no layer pads
but with zeros: to repeat borders costs a third of the time of a training step.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blur_code import BlurCode, GatedStack
from .layers import (
    NoiseDropout,
    ResidualBlock,
    contrast_and_mean,
    pad_by_reflection,
    scaled_residual,
)
from .measured import MeasuringNetwork

__all__ = ["FastUNetGenerator"]


class FastUNetGenerator(MeasuringNetwork):
    """A U-Net of residual blocks on pixel-unshuffled pictures, with a global skip (our own design).

    What it predicts is added to the input in units of the picture's contrast: what is flat or dark
    stays as it is.

    Args:
        levels: How often the picture is halved. What only the whole picture tells is in the code.
        width: Channels at half the picture's size; they double with every level.
        max_width: Channels at most.
        blocks: Residual blocks at the outermost levels on the way down, and again on the way up but
            for the last of them; elsewhere there is one.
        dropout: Share of the features dropped at the innermost level: the paper's noise z.
        code_width: Length of what is said of the picture's blur.
    """

    global_skip = True

    def __init__(
        self,
        *,
        levels: int = 4,
        width: int = 32,
        max_width: int = 128,
        blocks: tuple[int, ...] = (2, 3, 4),
        dropout: float = 0.1,
        code_width: int = 64,
    ) -> None:
        super().__init__()
        self.multiple_of = 2**levels
        self.num_statistics = 2 + code_width
        widths = [min(width * 2**i, max_width) for i in range(levels)]
        ones = [1] * levels
        stack = partial(GatedStack, code_width=code_width)
        self.stem = nn.Conv2d(12, width, 3, padding=1)
        self.blur_code = BlurCode(code_width)
        self.encoders = nn.ModuleList(map(stack, widths, [*blocks, *ones]))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(
            nn.Conv2d(b, 4 * a, 1) for a, b in reversed(list(pairwise(widths)))
        )
        self.dropout = NoiseDropout(dropout)
        self.decoders = nn.ModuleList(
            map(stack, widths[-2::-1], [*blocks[:-1], *ones][: levels - 1][::-1])
        )
        self.head = nn.Conv2d(width, 12, 3, padding=1)
        self.apply(_initialize)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.calm()
        with torch.no_grad():  # the first output is nearly the input
            self.head.weight.mul_(0.1)

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
        padded = pad_by_reflection(blurred.float(), self.multiple_of)
        code = self.blur_code(padded)
        residual = scaled_residual(lambda picture: self._translate(picture, code), padded)
        return residual[..., : blurred.shape[-2], : blurred.shape[-1]]

    def measure(self, picture: Tensor) -> Tensor:
        """Contrast, mean and blur code; see `MeasuringNetwork.measure`."""
        padded = pad_by_reflection(picture.float(), self.multiple_of)
        contrast, mean = contrast_and_mean(padded)
        code = self.blur_code(padded).float()
        return torch.cat([contrast.flatten(1), mean.flatten(1), code], 1)

    def translate(self, part: Tensor, statistics: Tensor) -> Tensor:
        """What is added to a part; see `MeasuringNetwork.translate`."""
        statistics = statistics.float()
        contrast, mean = statistics[:, :1], statistics[:, 1:2]
        code = statistics[:, 2:].to(self.stem.weight.dtype)
        return scaled_residual(
            lambda picture: self._translate(picture, code),
            part.float(),
            (contrast[..., None, None], mean[..., None, None]),
        )

    def _translate(self, picture: Tensor, code: Tensor) -> Tensor:
        """The U-Net itself, on zero-centred values."""
        x = self.stem(F.pixel_unshuffle(picture, 2).to(self.stem.weight.dtype))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            x = encoder(x, code)
            skips.append(x)
            x = down(x)
        x = self.dropout(self.encoders[-1](x, code))
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = F.pixel_shuffle(up(x), 2)
            x += skips.pop()
            x = decoder(x, code)
        return F.pixel_shuffle(self.head(x), 2).float()


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
