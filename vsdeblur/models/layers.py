"""Layers that several networks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "InstanceNorm",
    "NoiseDropout",
    "ResidualBlock",
    "contrast_and_mean",
    "conv3",
    "dropout_noise",
    "pad_by_reflection",
    "reflect",
    "residual_stack",
    "scaled_residual",
]

FLATNESS = 1 / 255
"""Contrast, as a standard deviation, below which a picture counts as flat."""

_noise: ContextVar[torch.Generator | None] = ContextVar("noise", default=None)


@contextmanager
def dropout_noise(generator: torch.Generator) -> Iterator[None]:
    """Let networks in evaluation drop features out as in training: the noise z of equation (3).

    It holds for this thread, inside the `with` statement.

    Args:
        generator: A generator on the CPU, which alone decides what is dropped.
    """
    token = _noise.set(generator)
    try:
        yield
    finally:
        _noise.reset(token)


class NoiseDropout(nn.Module):
    """Dropout in training, and in evaluation inside `dropout_noise`.

    Args:
        probability: Share of the features that become 0.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Drop features out: any shape, which stays."""
        generator = _noise.get()
        if self.training or generator is None:
            return F.dropout(x, self.probability, self.training)
        kept = torch.rand(x.shape, generator=generator) >= self.probability
        return x * kept.to(x.device, x.dtype) / (1 - self.probability)


class InstanceNorm(nn.Module):
    """Instance normalisation without parameters; statistics are float32 at any precision."""

    upcasts = False
    """Whether what comes in becomes float32 first: for engines, which keep the types of a graph."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same, each channel of each picture with mean 0 and variance 1."""
        return self._normalized(x.float()).to(x.dtype) if self.upcasts else self._normalized(x)

    def _normalized(self, x: Tensor) -> Tensor:
        # `group_norm` reads half precision but sums in float32, unlike arithmetic written out here.
        # It sums squares: without a first value near their mean, those of a flat area cancel out.
        return torch.group_norm(x - x[..., 0, 0, None, None], x.shape[1])


def pad_by_reflection(picture: Tensor, multiple_of: int) -> Tensor:
    """Reflect a picture at its bottom and right until height and width divide by `multiple_of`.

    Where more is needed than the picture has, it is reflected again: (..., H, W) of any size.
    """
    for dim in (-2, -1):
        length = picture.shape[dim]
        # `-length % multiple_of` would be shorter, but `torch.compile` fails on what is below 0.
        padded = (length + multiple_of - 1) // multiple_of * multiple_of
        # Of a length that is free in a graph it is not known whether anything is to be added.
        if not isinstance(length, int) or padded != length:
            picture = reflect(picture, dim, padded)
    return picture


def reflect(picture: Tensor, dim: int, padded: int) -> Tensor:
    """Reflect a picture at its end, again and again, until it is so long in a dimension."""
    # As a tensor: PyTorch's ONNX exporter knows no remainder of a free length.
    period = torch.scalar_tensor(
        max(2 * picture.shape[dim] - 2, 1), dtype=torch.int64, device=picture.device
    )
    index = torch.arange(padded, device=picture.device) % period
    return picture.index_select(dim, index.minimum(period - index))


def conv3(in_channels: int, out_channels: int, *, bias: bool = True) -> nn.Conv2d:
    """A 3x3 convolution that repeats the border: a flat area stays flat up to its edge."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias, padding_mode="replicate")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a ReLU, added to the input; no normalisation.

    Args:
        width: Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.calm()

    def calm(self) -> None:
        """Make it nearly the identity: deep stacks start stable."""
        with torch.no_grad():
            self.conv2.weight.mul_(0.2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) -> the same."""
        result: Tensor = self.conv2(F.relu(self.conv1(x), inplace=True))
        result += x  # in place, as the ReLU: on a CPU each new tensor costs as much as the sum
        return result


def residual_stack(width: int, count: int) -> nn.Sequential:
    """So many `ResidualBlock`s, one after the other."""
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


def contrast_and_mean(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean of pictures: (N, C, H, W) -> two of (N, 1, 1, 1), float32."""
    full = picture.float()
    mean = full.mean((1, 2, 3), keepdim=True)
    # What `torch.std_mean` gives in ten times the time, which is 2% of a network's; a norm of row
    # norms rounds less than one over millions of pixels.
    rows = torch.linalg.vector_norm(full - mean, dim=3, keepdim=True)
    freedom = full[0].numel() - 1
    return torch.linalg.vector_norm(rows, dim=(1, 2), keepdim=True) / freedom**0.5, mean


def scaled_residual(
    translate: Callable[[Tensor], Tensor],
    blurred: Tensor,
    measured: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """A residual that grows with a picture's contrast: what is flat or dark then stays as it is.

    Args:
        translate: Gives it for a picture of mean 0 and variance 1.
        blurred: (N, 3, H, W), in [0, 1].
        measured: The picture's `contrast_and_mean`, if `blurred` is a part of it; None = its own.

    Returns:
        (N, 3, H, W), to be added to it.
    """
    contrast, mean = contrast_and_mean(blurred) if measured is None else measured
    normalized = (blurred - mean) / (contrast + FLATNESS)
    residual = translate(normalized.to(blurred.dtype)) * contrast
    return residual.to(blurred.dtype)
