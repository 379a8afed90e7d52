"""What every backend is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..models.blur_code import BlurCode
from ..models.measured import MeasuringNetwork, TileForm

__all__ = ["Network", "NetworkSource"]

type Network = Callable[[Tensor], Tensor]
"""A network ready to run: (N, T, H, W) -> (N, C, H, W), on its device, with any N, H and W that
the model takes. It may be called from any thread; the result is the caller's."""


@dataclass(frozen=True, kw_only=True)
class NetworkSource:
    """The inference form of a model, or of one of its parts, and what identifies it."""

    name: str
    """Filter, model and part, joined by "-": files are named after it."""
    module: nn.Module
    """On the CPU, in float32. A backend may change it: it is given to one only."""
    channels: int
    """Channels of its input."""
    multiple_of: int
    """Height and width of its input must divide by this."""
    digest: str
    """sha256 of the weights file."""
    dropout: bool = False
    """Whether dropout may be asked for at any run (see `dropout_noise`)."""
    measuring: MeasuringNetwork | None = None
    """A copy of the network that measures whole pictures, for tiles of them; None = what becomes of
    a tile is up to the tile alone, or to things of the whole picture that cannot be given to it."""

    def input_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """What frames are given in to a network that runs in `dtype`.

        Bfloat16 is coarser than 8-bit codes: in it, a blur cannot be measured. Float16 is finer,
        but a network that divides by the picture's contrast makes much of what it rounds away.
        """
        # A tile's form measures nothing, but must see the same numbers as the whole picture's; and
        # the picture's mean, which comes with the tile, would be wrong by more than a code.
        exact = any(isinstance(module, BlurCode | TileForm) for module in self.module.modules())
        return torch.float32 if exact else dtype
