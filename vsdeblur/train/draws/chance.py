"""Which windows of a batch a draw changes."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from ..synthesis.camera import Draw

__all__ = ["Chosen"]


class Chosen:
    """A share of a batch's windows, drawn without asking the device for their number.

    The number of places is the share rounded up, and each is taken with the probability that
    makes up for it: a costly change is made for so many windows only.

    Args:
        draw: Source of randomness, on the batch's device.
        num: Windows in the batch.
        share: Share of them that is changed on average, 0 to 1.

    Raises:
        ValueError: The share is outside [0, 1].
    """

    def __init__(self, draw: Draw, num: int, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"the share of a draw must be within 0 and 1, got {share}")
        self.num = min(num, ceil(num * share - 1e-9))
        self.rows = draw.uniform(0, 1, num).argsort()[: self.num]
        self._is_taken = draw.uniform(0, 1, self.num) * max(1, self.num) < num * share

    def of(self, batch: Tensor) -> Tensor:
        """The windows that may be changed, (self.num, ...)."""
        return batch[self.rows]

    def others(self, batch: Tensor, step: int) -> Tensor:
        """For each of these windows the one so many places before it, (self.num, ...)."""
        return batch[(self.rows - step) % len(batch)]

    def amend(self, batch: Tensor, changed: Tensor) -> Tensor:
        """The batch with these windows as changed; the same shape and type."""
        taken = self._is_taken.view(-1, *[1] * (batch.dim() - 1))
        windows = torch.where(taken, changed.to(batch.dtype), self.of(batch))
        return batch.index_copy(0, self.rows, windows)
