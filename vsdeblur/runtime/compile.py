"""Turns a network into something that runs: one backend a file, one table of them here."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import OptionError
from .eager import compile_eager
from .network import Network

__all__ = ["BACKENDS", "compile_network"]

BACKENDS = {"auto": compile_eager, "eager": compile_eager}
"""Name -> function from (inference form, device, dtype) to a network."""


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
    if backend not in BACKENDS:
        raise OptionError(f"unknown backend {backend!r}; choose one of: {', '.join(BACKENDS)}")
    return BACKENDS[backend](network, device, dtype)
