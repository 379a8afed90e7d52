"""What every backend is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

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
