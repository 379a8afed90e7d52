"""The network and optimisers of a run, and one step of them. Heirs say what is learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning_fabric as fabric_library
import torch
from torch import Tensor, nn

from ..errors import DataError
from ..models import MODELS
from ..runtime.weights import load_network
from .graphed_step import GraphedStep
from .muon import Muon
from .pool import Share
from .recipe import Recipe
from .schedule import Schedule

__all__ = ["Trainer", "build_network", "share_of"]


class Trainer(ABC):
    """A network in training, the running average of its weights, and its optimisers.

    Args:
        recipe: Settings of the run.
        fabric: Where and in what precision it runs.
        init: Weights to start from; None = random ones.
        compiled: Compile the network with torch.compile.
        by_clock: The learning rate falls to zero as time runs out, whatever the steps.
        say: Called with what the user should know, a line each.

    Raises:
        WeightsError: The weights are missing, damaged or of another model.
    """

    def __init__(
        self,
        recipe: Recipe,
        fabric: fabric_library.Fabric,
        init: Path | None = None,
        *,
        compiled: bool = False,
        by_clock: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        network = self.prepared(_initialized(recipe, init), init)
        self.network = network
        part = self.part(network)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):  # 3-D kernels know no channels_last of four axes
                module.to(memory_format=torch.channels_last)
        self.rate = torch.zeros((), device=fabric.device)  # of this step; a graph reads it
        self._forgotten = torch.ones((), device=fabric.device)  # of the average, at each step
        self.optimizers = _optimizers(part, recipe, self.rate)
        self.fabric = fabric
        self.step = 0
        self.schedule = Schedule(recipe, by_clock=by_clock)
        if fabric.device.type == "cuda" and fabric.world_size > 1:
            part = nn.SyncBatchNorm.convert_sync_batchnorm(part)
        # Fabric compiles what it is given a compiled form of, behind its own wrapper.
        given: Any = torch.compile(part) if compiled else part
        self.model, *self.wrapped = fabric.setup(given, *self.optimizers)
        self.critic: Any = None  # an heir's discriminator: has state() and load()
        self.average = {name: t.clone() for name, t in network.state_dict().items()}
        self._step = GraphedStep(self._work, self._why_no_graph(), say)

    @property
    def compute_dtype(self) -> torch.dtype:
        """Number format of the run's convolutions."""
        with self.fabric.autocast():
            device = self.fabric.device.type
            return (
                torch.get_autocast_dtype(device)
                if torch.is_autocast_enabled(device)
                else torch.float32
            )

    def prepared(self, network: nn.Module, init: Path | None) -> nn.Module:
        """The network with the weights that the stage starts from: as `init` or chance has it."""
        return network

    def part(self, network: nn.Module) -> nn.Module:
        """The part of the network that is trained: all of it."""
        return network

    def measured(self) -> nn.Module:
        """What its work is counted by: takes the first tensor of a batch, (N, C, H, W)."""
        return self.part(self.network)

    def arranged(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """A batch as `objective` takes it; what a CUDA graph cannot hold is done here."""
        return batch

    @abstractmethod
    def objective(self, *batch: Tensor) -> Tensor:
        """The loss of a batch, a scalar; a discriminator learns from it on the way.

        A CUDA graph is made of it: it may not ask the device for a value, nor send it one, and does
        the same each time.
        """

    def update(self, *batch: Tensor) -> Tensor:
        """One optimiser step; returns the loss, which the next step may overwrite."""
        self.rate.fill_(self.schedule.learning_rate_at(self.step))
        # Dropout must not depend on where a run was cut, nor be alike on two devices.
        devices, rank = self.fabric.world_size, self.fabric.global_rank
        torch.manual_seed(self.recipe.seed * 2**32 + self.step * devices + rank)
        batch, done = self.arranged(*batch), self.step + 1
        # The average of the first steps must not remember the random start.
        self._forgotten.fill_(1 - min(self.recipe.ema, (1 + done) / (10 + done)))
        loss = self._step(*batch)
        self.step = done
        return loss

    def _work(self, *batch: Tensor) -> Tensor:
        """What the device does in a step."""
        for optimizer in self.wrapped:
            optimizer.zero_grad()
        loss = self.objective(*batch)
        self.fabric.backward(loss)
        nn.utils.clip_grad_norm_(self.part(self.network).parameters(), self.recipe.clip_norm)
        for optimizer in self.wrapped:
            optimizer.step()
        self._update_average()
        return loss.detach()

    def _why_no_graph(self) -> str | None:
        """None = there can be one; empty: of a CPU nobody expects it."""
        if self.fabric.device.type != "cuda":
            return ""
        return "several devices share a batch" if self.fabric.world_size > 1 else None

    @torch.no_grad()
    def _update_average(self) -> None:
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, self._forgotten)
            else:
                self.average[name].copy_(value)

    def averaged_network(self) -> nn.Module:
        """The network with the averaged weights, for inference, on the run's device."""
        network = build_network(self.recipe)
        network.load_state_dict(self.average)
        return network.eval().to(self.fabric.device)

    def averaged(self) -> Callable[[Tensor], Tensor]:
        """The averaged network as a function, in the run's precision and without gradients."""
        network = self.averaged_network()

        @torch.no_grad()
        def restore(blurred: Tensor) -> Tensor:
            with self.fabric.autocast():
                restored: Tensor = network(blurred.to(self.fabric.device))
            return restored

        return restore

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold: plain values and tensors."""
        return {
            "step": self.step,
            "schedule": self.schedule.state(),
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "critic": self.critic.state() if self.critic else None,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.step = state["step"]
        self.schedule.load(state["schedule"])
        self.network.load_state_dict(state["network"])
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
            for group in optimizer.param_groups:  # these are the machine's, not the checkpoint's
                group["lr"] = self.rate
                if "capturable" in group:
                    group["capturable"] = self.rate.is_cuda
        if self.critic:
            self.critic.load(state["critic"])


def share_of(fabric: fabric_library.Fabric) -> Share:
    """Which places of a batch are this process's."""
    return Share(fabric.global_rank, fabric.world_size, fabric.all_gather)  # type: ignore[arg-type]


def build_network(recipe: Recipe) -> nn.Module:
    """The recipe's model, untrained."""
    return MODELS[recipe.filter][recipe.model].build(**recipe.model_options)


def _initialized(recipe: Recipe, init: Path | None) -> nn.Module:
    if init is None:
        network = build_network(recipe)
        if recipe.initial_weights == "normal":
            _initialize_normally(network)
        return network
    network = load_network(
        lambda **options: build_network(_matching(recipe, options, init)),
        init, filter_name=recipe.filter, model=recipe.model,
    )  # fmt: skip
    return network


def _matching(recipe: Recipe, options: dict[str, Any], init: Path) -> Recipe:
    """The recipe, if weights with these options fit it."""
    if options and options != recipe.model_options:
        raise DataError(
            f"{str(init)!r} was trained with {options}, recipe {recipe.name!r} has "
            f"{recipe.model_options}; use weights of the same form"
        )
    return recipe


@torch.no_grad()
def _initialize_normally(network: nn.Module, deviation: float = 0.01) -> None:
    """Normally distributed weights, no bias: the initialisation of paper 001, section IV.B."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.normal_(module.weight, std=deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _optimizers(network: nn.Module, recipe: Recipe, rate: Tensor) -> list[torch.optim.Optimizer]:
    """AdamW for all, or Muon for the inner kernels and AdamW for the rest; both at `rate`."""
    parameters = list(network.named_parameters())
    inner: list[nn.Parameter] = []
    if recipe.optimizer == "muon":
        ends = {parameters[index][0].rpartition(".")[0] for index in (0, -1)}
        inner = [p for n, p in parameters if p.dim() > 1 and n.rpartition(".")[0] not in ends]
    elif recipe.optimizer != "adamw":
        raise DataError(f"unknown optimizer {recipe.optimizer!r}; choose one of: adamw, muon")
    chosen = {id(p) for p in inner}
    rest = [p for _, p in parameters if id(p) not in chosen]
    decay = recipe.weight_decay
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=rate, weight_decay=decay, fused=True, capturable=rate.is_cuda)
    ]
    return [*optimizers, Muon(inner, lr=rate, weight_decay=decay)] if inner else optimizers
