"""The networks and optimisers of a run, and one step of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning_fabric as fabric_library
import torch
from torch import Tensor, nn

from ..errors import DataError
from ..models import MODELS
from ..runtime.weights import load_weights
from .losses import LOSSES
from .muon import Muon
from .recipe import Recipe

__all__ = ["Trainer"]


class Trainer:
    """A network in training, the running average of its weights, and its optimisers.

    Args:
        recipe: Settings of the run.
        fabric: Where and in what precision it runs.
        init: Weights to start from; None = random ones.

    Raises:
        WeightsError: The weights are missing, damaged or of another model.
    """

    def __init__(
        self, recipe: Recipe, fabric: fabric_library.Fabric, init: Path | None = None
    ) -> None:
        torch.manual_seed(recipe.seed)
        network = MODELS[recipe.filter][recipe.model].build()
        if init is not None:
            load_weights(network, init, filter_name=recipe.filter, model=recipe.model)
        self.network = network
        for module in network.modules():
            if isinstance(module, nn.Conv2d):  # 3-D kernels know no channels_last of four axes
                module.to(memory_format=torch.channels_last)
        self.optimizers = _optimizers(network, recipe)
        self.recipe = recipe
        self.fabric = fabric
        self.step = 0
        self.best = float("-inf")
        self.model, *self.wrapped = fabric.setup(network, *self.optimizers)
        self.average = {name: t.clone() for name, t in network.state_dict().items()}

    def update(self, blurred: Tensor, sharp: Tensor) -> Tensor:
        """One optimiser step; returns the loss."""
        learning_rate = self.recipe.learning_rate_at(self.step)
        restored = self.model(blurred.contiguous(memory_format=torch.channels_last)).float()
        loss = sum(
            (weight * LOSSES[name](restored, sharp) for name, weight in self.recipe.losses.items()),
            start=restored.new_zeros(()),
        )
        self.fabric.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        for optimizer in self.wrapped:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        self._update_average()
        return loss.detach()

    @torch.no_grad()
    def _update_average(self) -> None:
        # The average of the first steps must not remember the random start.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    @torch.no_grad()
    def restore(self, blurred: Tensor) -> Tensor:
        """Run the averaged weights over a batch, in the run's precision."""
        network = MODELS[self.recipe.filter][self.recipe.model].build()
        network.load_state_dict(self.average)
        network = network.eval().to(self.fabric.device)
        with self.fabric.autocast():
            restored: Tensor = network(blurred.to(self.fabric.device))
        return restored

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold: plain values and tensors."""
        return {
            "step": self.step,
            "best": self.best,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.step, self.best = state["step"], state["best"]
        self.network.load_state_dict(state["network"])
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def _optimizers(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW for all, or Muon for the inner kernels and AdamW for the rest."""
    parameters = list(network.named_parameters())
    inner: list[nn.Parameter] = []
    if recipe.optimizer == "muon":
        ends = (parameters[0][0].split(".")[0], parameters[-1][0].split(".")[0])
        inner = [p for name, p in parameters if p.dim() > 1 and name.split(".")[0] not in ends]
    elif recipe.optimizer != "adamw":
        raise DataError(f"unknown optimizer {recipe.optimizer!r}; choose one of: adamw, muon")
    chosen = {id(p) for p in inner}
    rest = [p for _, p in parameters if id(p) not in chosen]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=rate, weight_decay=decay, fused=True)
    ]
    return [*optimizers, Muon(inner, lr=rate, weight_decay=decay)] if inner else optimizers
