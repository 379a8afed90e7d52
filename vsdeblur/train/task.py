"""What the training loop asks of a filter's training: material, batches, objective, score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import lightning_fabric as fabric_library
from torch import Tensor

from .recipe import Recipe
from .run_options import TrainOptions
from .trainer import Trainer
from .validation import Score

__all__ = ["Pool", "Task", "TaskFactory", "Validation"]


class Pool(Protocol):
    """Draws batches."""

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step: what `Trainer.objective` takes; a function of the step alone."""
        ...


class Validation(Protocol):
    """Scores weights on material that is not trained on."""

    def evaluate(self, trainer: Trainer, picture: Path) -> Score:
        """Score the averaged weights, and write a PNG to look at."""
        ...


class Task(Protocol):
    """The training of a filter's models."""

    @property
    def names(self) -> dict[str, list[str]]:
        """What is trained on, source by source, for the record."""
        ...

    def validation(self, stage: Recipe) -> Validation:
        """What the weights of a stage are chosen by."""
        ...

    def trainer(
        self,
        stage: Recipe,
        fabric: fabric_library.Fabric,
        init: Path | None,
        **options: Any,  # noqa: ANN401
    ) -> Trainer:
        """The networks and optimisers of a stage; the options are those of `Trainer`."""
        ...

    def pool(self, stage: Recipe, trainer: Trainer, folder: Path) -> Pool:
        """The batches of a stage, on the run's device; only this process's part of each.

        What takes long to make may be kept in the stage's folder.
        """
        ...


type TaskFactory = Callable[[Sequence[Recipe], TrainOptions], Task]
"""Stages of a recipe and where its material is -> the training of the recipe's filter."""
