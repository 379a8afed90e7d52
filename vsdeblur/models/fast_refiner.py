"""The patch generator of `brmr`'s model "fast": it sees a window as it was, and as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .fast_unet import FastUNetGenerator
from .layers import contrast_and_mean, pad_by_reflection, scaled_residual

__all__ = ["FastRefiner"]


class FastRefiner(FastUNetGenerator):
    """A `FastUNetGenerator` that corrects a restored window, given the blurred one beside it.

    The paper's patch generator sees the restored window alone. Ours gained nothing from that: what
    the image generator did not make use of is gone from its result.

    Args:
        options: Those of `FastUNetGenerator`.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self.stem = _widened(self.stem)

    @torch.no_grad()
    def begin_after(self, generator: FastUNetGenerator) -> None:
        """See in the blurred window what an image generator sees, and change nothing at first.

        Args:
            generator: Of the same widths.
        """
        widened = _widened(generator.stem)
        own = self.state_dict()
        for name, value in generator.state_dict().items():
            if not name.startswith("stem."):
                own[name].copy_(value)
        self.stem.load_state_dict(widened.state_dict())
        nn.init.zeros_(self.head.weight)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    def forward(self, windows: Tensor) -> Tensor:
        """Refine windows.

        Args:
            windows: Blurred, then restored, (N, 6, H, W), in [0, 1], of any size.

        Returns:
            (N, 3, H, W), same scale, not clamped.
        """
        _, restored = windows.chunk(2, 1)
        return restored + self.residual(windows)

    def residual(self, windows: Tensor) -> Tensor:
        """What is added to the restored window: (N, 6, H, W) -> (N, 3, H, W)."""
        padded = pad_by_reflection(windows.float(), self.multiple_of)
        blurred, _ = padded.chunk(2, 1)
        code = self.blur_code(blurred)
        residual = scaled_residual(
            lambda pictures: self._translate(pictures, code), padded, contrast_and_mean(blurred)
        )
        return residual[..., : windows.shape[-2], : windows.shape[-1]]

    def measure(self, picture: Tensor) -> Tensor:
        """Statistics of the blurred pictures, (N, 6, H, W); see `MeasuringNetwork.measure`."""
        blurred, _ = picture.chunk(2, 1)
        return super().measure(blurred)


@torch.no_grad()
def _widened(stem: nn.Conv2d) -> nn.Conv2d:
    """The layer with twice as many inputs, of which the other half does not matter at first."""
    widened = nn.Conv2d(2 * stem.in_channels, stem.out_channels, 3, padding=1)
    nn.init.zeros_(widened.weight)
    widened.weight[:, : stem.in_channels] = stem.weight
    assert widened.bias is not None
    assert stem.bias is not None
    widened.bias.copy_(stem.bias)
    return widened
