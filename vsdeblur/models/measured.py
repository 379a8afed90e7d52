"""Networks that measure the whole picture, and the form in which they run over tiles of it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

__all__ = ["MeasuringNetwork", "TileForm"]


class MeasuringNetwork(nn.Module, ABC):
    """A network whose result depends on a few statistics of the whole picture.

    Given these, what becomes of a pixel depends on what is near it: a part of a picture can be
    translated alone, as it would be in the whole. `forward` does both steps.
    """

    multiple_of: int
    """Height and width of a part, and where it starts in its picture, must divide by this."""
    num_statistics: int

    @abstractmethod
    def measure(self, picture: Tensor) -> Tensor:
        """Statistics of whole pictures.

        Args:
            picture: (N, C, H, W), in [0, 1], of any size.

        Returns:
            (N, num_statistics), float32.
        """

    @abstractmethod
    def translate(self, part: Tensor, statistics: Tensor) -> Tensor:
        """What the inference form gives for a part of a picture.

        Args:
            part: (N, C, h, w), in [0, 1].
            statistics: (N, num_statistics), of the whole picture.

        Returns:
            (N, C', h, w).
        """


class TileForm(nn.Module):
    """A network with one input: a part of a picture, and below it what was measured of the whole.

    All backends run networks of one input. The statistics are the first values of a square as wide
    as the smallest part there can be, or of several: so any part has room for them, and the
    input's height still divides by `multiple_of`.

    Args:
        network: Its layers are shared.
    """

    def __init__(self, network: MeasuringNetwork) -> None:
        super().__init__()
        self.network = network
        self.side = network.multiple_of
        self.rows = -(-network.num_statistics // self.side**2) * self.side
        """Rows below the part."""

    def pack(self, part: Tensor, statistics: Tensor) -> Tensor:
        """The input: (N, C, h, w) and (N, num_statistics) -> (N, C, h + rows, w)."""
        below = part.new_zeros(*part.shape[:2], self.rows, part.shape[-1])
        values = below.new_zeros(len(part), self.rows * self.side)
        values[:, : statistics.shape[1]] = statistics
        below[:, 0, :, : self.side] = values.view(-1, self.rows, self.side)
        return torch.cat([part, below], -2)

    def forward(self, packed: Tensor) -> Tensor:
        """What `pack` gives, (N, C, h + rows, w) -> (N, C', h, w)."""
        height = packed.shape[-2] - self.rows
        below = packed[:, 0].narrow(-2, height, self.rows).narrow(-1, 0, self.side)
        statistics = below.flatten(1)[:, : self.network.num_statistics]
        return self.network.translate(packed[..., :height, :], statistics)
