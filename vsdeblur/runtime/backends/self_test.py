"""Tries a compiled network once, before frames depend on it."""

from __future__ import annotations

import copy

import torch

from ...errors import EngineError, first_line
from ..network import Network, NetworkSource

__all__ = ["check_by_trial"]

SIDE = 64
"""Height and width of the trial's frames, in pixels."""
TOLERANCE = 0.1
"""Root mean square of the difference at most, as a share of that of the result."""


def check_by_trial(
    network: Network, source: NetworkSource, device: torch.device, backend: str
) -> None:
    """Compare a compiled network with what it was compiled from.

    Args:
        network: What was compiled.
        source: What from; its module is still on the CPU, in float32.
        device: Where it runs.
        backend: Its name, for the error.

    Raises:
        EngineError: It does not run, or gives something else.
    """
    seeded = torch.Generator().manual_seed(0)
    frames = torch.rand(1, source.channels, SIDE, SIDE, generator=seeded)
    try:
        with torch.inference_mode():
            expected = copy.deepcopy(source.module).eval().float()(frames)
        result = network(frames.to(device)).float().cpu()
    except (RuntimeError, ValueError) as error:
        raise EngineError(
            f"{backend} built {source.name} but cannot run it: {first_line(error)}; "
            "use backend='eager'"
        ) from error
    # A value that is not a number compares false.
    if (
        not (result - expected).square().mean().sqrt()
        <= TOLERANCE * expected.square().mean().sqrt()
    ):
        raise EngineError(
            f"{backend} gives another result than the network {source.name}; use precision='fp32' "
            "or backend='eager'"
        )
