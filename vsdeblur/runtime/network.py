"""What every backend returns."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

__all__ = ["Network"]

type Network = Callable[[Tensor], Tensor]
"""A network ready to run: (N, T, H, W) -> (N, C, H, W), on its device."""
