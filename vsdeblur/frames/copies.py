"""Copies between this machine's memory and a device's, on the stream that is current."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["to_device", "to_host"]


def to_device(arrays: Sequence[NDArray[np.generic]], device: torch.device) -> Tensor:
    """Bring arrays to a device. On a GPU the caller does not wait until they are there.

    Args:
        arrays: All of one shape and type; they may be changed once this returns.
        device: Where the tensor goes.

    Returns:
        (arrays, *shape), of the arrays' type.
    """
    # PyTorch keeps pinned memory for the next copy, but not before this one is done with it.
    stacked = _host_tensor((len(arrays), *arrays[0].shape), arrays[0].dtype, device)
    for place, array in zip(stacked.numpy(), arrays, strict=True):
        np.copyto(place, array)
    return stacked.to(device, non_blocking=True)


def to_host(tensor: Tensor) -> NDArray[Any]:
    """Bring a tensor back, and wait for it: an array of its own, or on the CPU the tensor's."""
    if tensor.device.type != "cuda":
        return np.asarray(tensor.numpy())
    arrived = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    arrived.copy_(tensor, non_blocking=True)
    there = torch.cuda.Event(blocking=True)  # otherwise the waiting thread keeps a core busy
    there.record(torch.cuda.current_stream(tensor.device))
    there.synchronize()
    return np.asarray(arrived.numpy())


def _host_tensor(shape: Sequence[int], dtype: np.dtype[Any], device: torch.device) -> Tensor:
    empty = torch.from_numpy(np.empty(0, dtype))
    return torch.empty(shape, dtype=empty.dtype, pin_memory=device.type == "cuda")
