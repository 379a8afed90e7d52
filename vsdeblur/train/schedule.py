"""How a run's learning rate goes, and when it ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .recipe import Recipe

__all__ = ["Schedule"]


@dataclass
class _Memory:
    """What must survive a resume."""

    best_score: float = float("-inf")
    evaluations_since_best: int = 0
    lowest_loss: float = float("inf")
    evaluations_since_lowest: int = 0
    is_low: bool = False


class Schedule:
    """Learning rate by step and by how training goes; early stop.

    Args:
        recipe: Settings of the run.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._memory = _Memory()

    @property
    def best_score(self) -> float:
        """Best validation score so far; minus infinity before the first."""
        return self._memory.best_score

    @property
    def is_over(self) -> bool:
        """Whether the score has not become better for `early_stop` evaluations."""
        patience = self._recipe.early_stop
        return 0 < patience <= self._memory.evaluations_since_best

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step: the recipe's, and a tenth of it once the loss stands still."""
        return self._recipe.learning_rate_at(step) * (0.1 if self._memory.is_low else 1.0)

    def evaluated(self, score: float, training_loss: float) -> bool:
        """Take note of an evaluation; returns whether its score is the best so far.

        Args:
            score: Validation score; more is better.
            training_loss: Mean since the evaluation before.
        """
        memory = self._memory
        is_best = score > memory.best_score
        memory.evaluations_since_best = 0 if is_best else memory.evaluations_since_best + 1
        memory.best_score = max(score, memory.best_score)
        is_lowest = training_loss < memory.lowest_loss
        memory.evaluations_since_lowest = 0 if is_lowest else memory.evaluations_since_lowest + 1
        memory.lowest_loss = min(training_loss, memory.lowest_loss)
        if 0 < self._recipe.plateau_patience <= memory.evaluations_since_lowest:
            memory.is_low = True
        return is_best

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold: plain values."""
        return asdict(self._memory)

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._memory = _Memory(**state)
