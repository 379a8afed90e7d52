"""What a device can do, so that it can be said how much of it is used."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["flops_of", "flops_per_sample", "matrix_product", "matrix_rate", "timed"]


def flops_per_sample(network: nn.Module, blurred: Tensor) -> float:
    """Operations of a forward and a backward run over one sample.

    Args:
        network: Takes (N, C, H, W).
        blurred: Samples; the first is run, twice over for batch normalisation.
    """
    state = {name: value.clone() for name, value in network.state_dict().items()}
    with FlopCounterMode(display=False) as counter:
        network(blurred[:1].repeat(2, 1, 1, 1)).sum().backward()
    network.zero_grad()
    network.load_state_dict(state)  # running statistics are as they were
    return float(counter.get_total_flops()) / 2


def flops_of(network: nn.Module, shape: tuple[int, ...]) -> float:
    """Operations of a forward run, by PyTorch's counter; nothing is computed.

    Args:
        network: It is moved to the meta device: give one that is not needed any more.
        shape: Of its input.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.empty(shape, device="meta"))
    return float(counter.get_total_flops())


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product, measured (median of five)."""
    work, flops = matrix_product(device, dtype)
    work()
    return flops / median(timed(work, device) for _ in range(5))


def matrix_product(device: torch.device, dtype: torch.dtype) -> tuple[Callable[[], Tensor], float]:
    """A large matrix product to time, and its operations."""
    size = 8192 if device.type == "cuda" else 2048
    matrix = torch.randn(size, size, device=device).to(dtype)
    return (lambda: matrix @ matrix), 2.0 * size**3


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that work takes, nothing left running before or after."""
    _synchronize(device)
    started = time.perf_counter()
    work()
    _synchronize(device)
    return time.perf_counter() - started


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
