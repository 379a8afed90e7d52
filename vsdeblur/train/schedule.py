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
    annealed: float = 0.0


class Schedule:
    """Learning rate by step or by the clock, and by how training goes; early stop.

    Args:
        recipe: Settings of the run.
        by_clock: The rate falls to zero as the run's time runs out (`anneal_to`), whatever the
            steps.
    """

    def __init__(self, recipe: Recipe, *, by_clock: bool = False) -> None:
        self._recipe = recipe
        self._by_clock = by_clock
        self._memory = _Memory()
        self._annealed_before = 0.0

    @property
    def best_score(self) -> float:
        """Best validation score so far; minus infinity before the first."""
        return self._memory.best_score

    @property
    def annealed(self) -> float:
        """How far the rate has fallen by the clock: 0 = not begun, 1 = done."""
        return self._memory.annealed

    def anneal_to(self, part_over: float) -> None:
        """Take note of how much of this piece of the run is over, 0 to 1.

        A run that is resumed goes on from where its rate stood.
        """
        before = self._annealed_before
        self._memory.annealed = before + (1 - before) * part_over

    def is_done(self, step: int) -> bool:
        """Whether so many steps end the run: all of them, or no time left, or an early stop."""
        ended = self.annealed >= 1 if self._by_clock else step >= self._recipe.steps
        return ended or self.is_over

    @property
    def is_over(self) -> bool:
        """Whether the score has not become better for `early_stop` evaluations."""
        patience = self._recipe.early_stop
        return 0 < patience <= self._memory.evaluations_since_best

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step: the recipe's, and a tenth of it once the loss stands still."""
        if self._by_clock:
            rate = self._recipe.annealed_learning_rate(step, self.annealed)
        else:
            rate = self._recipe.learning_rate_at(step)
        return rate * (0.1 if self._memory.is_low else 1.0)

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
        self._annealed_before = self._memory.annealed
