"""What a device can do, so that a run can say how much of it is used."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["flops_per_sample", "matrix_rate"]


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


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product, measured (median of five)."""
    size = 8192 if device.type == "cuda" else 2048
    matrix = torch.randn(size, size, device=device).to(dtype)
    seconds = sorted(_timed(lambda: matrix @ matrix, device) for _ in range(6))[2]
    return 2 * size**3 / seconds


def _timed(work: Callable[[], Tensor], device: torch.device) -> float:
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
