"""What every discriminator in training has: an optimiser, its state, and a way to be only asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning_fabric as fabric_library
import torch
from torch import nn

__all__ = ["TrainedCritic", "adam"]


def adam(
    network: nn.Module,
    fabric: fabric_library.Fabric,
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
) -> torch.optim.Optimizer:
    """The optimiser of a discriminator, on CUDA such that a graph can hold it."""
    return torch.optim.Adam(
        network.parameters(), learning_rate, betas,
        fused=True, capturable=fabric.device.type == "cuda",
    )  # fmt: skip


class TrainedCritic:
    """A discriminator and its optimiser. Heirs say what it learns and how it judges.

    Args:
        network: The discriminator.
        optimizer: Of its parameters.
        fabric: Where and in what precision it runs.
    """

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, fabric: fabric_library.Fabric
    ) -> None:
        self.optimizer = optimizer
        self._trained = network
        self._fabric = fabric
        self._model, self._wrapped = fabric.setup(network, optimizer)

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        """Inside it the network gives gradients to others and has none of its own."""
        self._trained.requires_grad_(False)
        try:
            with self._fabric.autocast():  # not the wrapped model: nothing is to be exchanged
                yield
        finally:
            self._trained.requires_grad_(True)

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"network": self._trained.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._trained.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group in self.optimizer.param_groups:  # the machine's, not the checkpoint's
            group["capturable"] = self._fabric.device.type == "cuda"
