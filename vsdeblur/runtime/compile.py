"""Turns a network into something that runs: one backend a file, one table of them here."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import OptionError

__all__ = ["Network", "compile_network"]

type Network = Callable[[Tensor], Tensor]
"""A network ready to run: (N, T, H, W) -> (N, C, H, W), on its device."""


def compile_network(
    network: nn.Module, backend: str, device: torch.device, dtype: torch.dtype
) -> Network:
    """Compile the inference form of a model.

    Args:
        network: Inference form of a model, on the CPU in float32.
        backend: "auto" or the name of a backend.
        device: Where it is to run.
        dtype: Precision it is to run in.

    Raises:
        OptionError: No backend has that name.
    """
    from .eager import compile_eager  # backends import this file's types

    backends = {"auto": compile_eager, "eager": compile_eager}
    if backend not in backends:
        raise OptionError(f"unknown backend {backend!r}; choose one of: {', '.join(backends)}")
    return backends[backend](network, device, dtype)
