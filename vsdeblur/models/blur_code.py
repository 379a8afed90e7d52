"""What a picture tells of its own blur, and layers that make use of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import ResidualBlock, pad_by_reflection, reflect

__all__ = ["BlurCode", "ConvolvedBlurCode", "GatedBlock", "GatedStack"]

MAX_LAG = 16
"""How far, in pixels, a derivative is compared with itself."""
LAGS = range(1, MAX_LAG + 1)
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Down and right."""
ROW_STEP = 4
"""Rows from one that counts to the next."""


class BlurCode(nn.Module):
    """What a picture's gradients tell of its blur, as a vector.

    The autocorrelation of a derivative shows a blur's direction and extent (Yitzhaky and Kopeika,
    "Identification of blur parameters from motion blurred images", 1997): sharp edges give a peak,
    a blur of n pixels spreads it over n pixels of its own direction. It is measured, then read by
    two layers.

    Args:
        width: Length of the vector.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = nn.Linear(2 * len(DIRECTIONS) * MAX_LAG + 2, width)
        self.code = nn.Linear(width, width)

    def forward(self, picture: Tensor) -> Tensor:
        """Pictures (N, C, H, W) -> (N, width)."""
        luma = self._padded(picture.float().mean(1))
        measured = []
        for derivative in (luma.diff(dim=-1)[:, 1:], luma.diff(dim=-2)[..., 1:]):
            energy = derivative.square().mean((1, 2))[:, None] + 1e-8
            measured += [energy.log() / 4, self._correlations(derivative) / energy]
        features = torch.cat(measured, 1).to(self.read.weight.dtype)
        return F.relu(self.code(F.relu(self.read(features))))

    def _padded(self, luma: Tensor) -> Tensor:
        """At least so large that the farthest lag has a pixel: (N, H, W)."""
        is_short = min(luma.shape[-2:]) < 2 * MAX_LAG
        return pad_by_reflection(luma, 2 * MAX_LAG) if is_short else luma

    def _correlations(self, derivative: Tensor) -> Tensor:
        """Mean products of a derivative and itself moved, (N, H, W) -> (N, directions * lags)."""
        moves = [(lag * down, lag * right) for down, right in DIRECTIONS for lag in LAGS]
        return torch.stack([_correlation(derivative, *move) for move in moves], 1)


def _correlation(derivative: Tensor, down: int, right: int) -> Tensor:
    """Mean product of a derivative and itself moved, (N, H, W) -> (N,); every fourth row counts."""
    height, width = derivative.shape[-2:]
    columns = slice(max(0, -right), width - max(0, right))
    here = derivative[:, : height - down : ROW_STEP, columns]
    there = derivative[:, down::ROW_STEP, max(0, right) : width + min(0, right)]
    return (here * there).mean((1, 2))


class ConvolvedBlurCode(BlurCode):
    """A `BlurCode` in few operations, without a branch: for graphs of free height and width.

    All lags of a direction are one convolution, whose kernels only move. A CPU takes 25
    times as long for that as for slices; hundreds of slices would take minutes to export.

    Args:
        code: Its layers are shared.
    """

    def __init__(self, code: BlurCode) -> None:
        nn.Module.__init__(self)
        self.read, self.code = code.read, code.code
        for index, direction in enumerate(DIRECTIONS):
            self.register_buffer(f"kernels{index}", _moving_kernels(*direction), persistent=False)

    def _padded(self, luma: Tensor) -> Tensor:
        least = 2 * MAX_LAG
        sides = torch.tensor(luma.shape[-2:])
        multiple = torch.where(sides.min() < least, least, 1)
        padded = (sides + multiple - 1) // multiple * multiple
        for dim, length in zip((-2, -1), padded.tolist(), strict=True):
            torch._check(length >= least)
            luma = reflect(luma, dim, length)
        return luma

    def _correlations(self, derivative: Tensor) -> Tensor:
        height, width = derivative.shape[-2:]
        lags = torch.tensor(LAGS, device=derivative.device)
        rows, derivative = derivative[:, None, ::ROW_STEP], derivative[:, None]
        means = []
        for index, (down, right) in enumerate(DIRECTIONS):
            sides = MAX_LAG * max(0, -right), MAX_LAG * max(0, right)
            around = F.pad(derivative, (*sides, 0, MAX_LAG * down))
            kernels = self.get_buffer(f"kernels{index}")
            moved = F.conv2d(around, kernels, stride=(ROW_STEP, 1))  # (N, lags, h, W)
            # Beyond the border there is nothing: so many products count.
            counts = ((height - 1 - lags * down) // ROW_STEP + 1) * (width - lags * abs(right))
            means.append((moved * rows).sum((2, 3)) / counts)
        return torch.cat(means, 1)


def _moving_kernels(down: int, right: int) -> Tensor:
    """Of each lag in a direction one that moves a picture by it: (lags, 1, height, width)."""
    kernels = torch.zeros(MAX_LAG, 1, MAX_LAG * down + 1, MAX_LAG * abs(right) + 1)
    for lag in LAGS:
        kernels[lag - 1, 0, lag * down, lag * right if right >= 0 else MAX_LAG - lag] = 1
    return kernels


class GatedBlock(ResidualBlock):
    """A residual block whose features are weighted by what is known of the picture's blur.

    What undoes a blur depends on the blur. A layer turns the code into a factor in [0, 2] for each
    channel (as squeeze and excitation does with means of features, arXiv:1709.01507).

    Args:
        width: Channels.
        code_width: Length of the code.
    """

    folds_gates = False
    """Whether the factors of a single picture go into the second convolution's weights: the same
    function, with two passes over the features less. Not for traced networks."""

    def __init__(self, width: int, code_width: int) -> None:
        super().__init__(width)
        self.excite = nn.Linear(code_width, 2 * width)
        nn.init.zeros_(self.excite.weight)
        nn.init.zeros_(self.excite.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # type: ignore[override]
        """(N, width, H, W) and (N, code_width) -> the first's shape."""
        inner, outer = (2 * self.excite(code).sigmoid())[..., None, None].chunk(2, 1)
        if self.folds_gates and len(x) == 1:
            return self._folded(x, inner, outer)
        gated: Tensor = outer * self.conv2(F.relu(self.conv1(x) * inner, inplace=True))
        gated += x
        return gated

    def _folded(self, x: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
        # A factor that is not negative may as well follow the ReLU.
        factors = outer.float().movedim(1, 0) * inner.float()
        weight = (self.conv2.weight * factors).to(x.dtype)
        assert self.conv2.bias is not None
        bias = self.conv2.bias * outer.flatten()
        gated = F.conv2d(F.relu(self.conv1(x), inplace=True), weight, bias, padding=1)
        gated += x
        return gated


class GatedStack(nn.ModuleList):
    """`GatedBlock`s, one after the other.

    Args:
        width: Channels.
        count: How many.
        code_width: Length of the code.
    """

    def __init__(self, width: int, count: int, code_width: int) -> None:
        super().__init__(GatedBlock(width, code_width) for _ in range(count))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """As each of them."""
        for block in self:
            gated: Tensor = block(x, code)
            x = gated
        return x
