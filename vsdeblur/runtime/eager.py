"""The eager backend: PyTorch as it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .network import Network

__all__ = ["compile_eager"]


def compile_eager(network: nn.Module, device: torch.device, dtype: torch.dtype) -> Network:
    """Move the network to the device and run it there.

    Args:
        network: Inference form of a model.
        device: Where it runs.
        dtype: Precision of weights and input.

    Returns:
        (N, T, H, W) in any precision -> (N, C, H, W) in `dtype`.
    """
    network = network.eval().requires_grad_(False)
    network = network.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(frames: Tensor) -> Tensor:
        frames = frames.to(dtype).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            output: Tensor = network(frames)
            return output

    return run
