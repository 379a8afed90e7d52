"""Crops of a whole batch: cut out of kept windows, flipped, transposed, reversed in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

__all__ = ["Crops"]


@dataclass(frozen=True)
class Crops:
    """How N crops are taken from their windows, and changed.

    Everything is drawn for the whole batch at once; nothing asks the device for a value.
    """

    size: int
    """Height and width of a crop, in pixels."""
    top: Tensor
    """(N,), first row."""
    left: Tensor
    """(N,), first column."""
    is_mirrored: Tensor
    """(N,) bool: left and right exchanged."""
    is_upside_down: Tensor
    """(N,) bool: top and bottom exchanged."""
    is_transposed: Tensor
    """(N,) bool: rows and columns exchanged, after the flips."""
    is_reversed: Tensor
    """(N,) bool: time runs backwards."""

    @classmethod
    def draw(cls, chance: Tensor, *, size: int, room: int) -> Self:
        """Crops of windows that have room for so many places of one.

        Args:
            chance: (6, N), uniform in [0, 1).
            size: Height and width of a crop, in pixels.
            room: How many rows, or columns, a crop may begin in.
        """
        top, left = ((part * room).long().clamp(max=room - 1) for part in chance[:2])
        return cls(size, top, left, *(chance[2:] < 0.5))

    def of(self, kept: Tensor, windows: Tensor, *, in_time: bool) -> Tensor:
        """The crops of windows; (N, T, size, size), of the kept windows' type.

        Args:
            kept: (S, T, H, W), all windows that are kept.
            windows: (N,), which of them each crop is of.
            in_time: Whether the T planes follow each other in time.
        """
        planes = torch.arange(kept.shape[1], device=kept.device).expand(len(windows), -1)
        if in_time:
            planes = torch.where(self.is_reversed[:, None], planes.flip(1), planes)
        whole = kept[windows[:, None], planes].flatten(2)
        places = self._places(kept.shape[-1])[:, None].expand(-1, whole.shape[1], -1)
        cut: Tensor = whole.gather(2, places).unflatten(2, (self.size, self.size))
        return cut

    def _places(self, width: int) -> Tensor:
        """Where in a plane of that width the pixels of a crop come from, (N, size * size)."""
        along = torch.arange(self.size, device=self.top.device)
        rows = torch.where(self.is_upside_down[:, None], along.flip(0), along) + self.top[:, None]
        columns = torch.where(self.is_mirrored[:, None], along.flip(0), along) + self.left[:, None]
        rows, turned = width * rows, self.is_transposed[:, None]
        down, across = torch.where(turned, columns, rows), torch.where(turned, rows, columns)
        return (down[:, :, None] + across[:, None]).flatten(1)

    def flows_of(self, kept: Tensor, windows: Tensor) -> Tensor:
        """The crops of flows, whose vectors turn with the picture; (N, 4, size, size).

        Args:
            kept: (S, 4, H, W): x and y to the last moment, x and y to the first.
            windows: (N,), which of them each crop is of.
        """
        flows = self.of(kept, windows, in_time=False).unflatten(1, (2, 2))  # which, axis
        x, y = flows.unbind(2)
        x = torch.where(_each(self.is_mirrored), -x, x)
        y = torch.where(_each(self.is_upside_down), -y, y)
        turned = torch.where(
            _each(self.is_transposed)[..., None], torch.stack([y, x], 2), torch.stack([x, y], 2)
        )
        swapped = torch.where(_each(self.is_reversed)[..., None], turned.flip(1), turned)
        return swapped.flatten(1, 2)


def _each(chosen: Tensor) -> Tensor:
    """(N,) -> (N, 1, 1, 1)."""
    return chosen[:, None, None, None]
