"""What of a filter's work is scored beside its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from ..registry import FilterPart
from ..restorers import Restorer
from ..restorers.brmr.regions import Window
from .scores import Figures

__all__ = [
    "EvaluationTask",
    "EvaluationTaskFactory",
    "Intermediate",
    "evaluation_task",
    "plain_task",
]


class Intermediate(NamedTuple):
    """An intermediate result, scored as the result is."""

    title: str
    """What its rows are called."""
    restore: Callable[[Tensor], Tensor]
    """As `Restorer.restore`."""


@dataclass(frozen=True, kw_only=True)
class EvaluationTask:
    """A filter's algorithm, and what is scored beside what it restores."""

    restore: Callable[[Tensor], tuple[Tensor, Figures]]
    """As `Restorer.restore`; with it come figures of how the frame was restored."""
    intermediates: Mapping[str, Intermediate] = field(default_factory=dict)
    """By their names in figures, in the order in which the filter comes to them."""
    localise: Callable[[Tensor], Window] | None = None
    """(3, H, W), in [0, 1], on any device -> the window that the filter takes for the most blurred;
    None = it looks for none."""


type EvaluationTaskFactory = Callable[[Restorer, Callable[..., Restorer]], EvaluationTask]
"""The filter's algorithm, and what loads it with other options of its own -> what is scored."""

FACTORIES: Mapping[str, EvaluationTaskFactory] = FilterPart("evaluation_task")
"""Filter name -> makes its task; of the others nothing but the result is scored."""


def evaluation_task(
    filter_name: str, restorer: Restorer, load: Callable[..., Restorer]
) -> EvaluationTask:
    """What is scored of a filter's work.

    Args:
        filter_name: As in the manifest.
        restorer: Its algorithm.
        load: Loads the same with other options of its own.
    """
    if filter_name not in FACTORIES:
        return plain_task(restorer)
    return FACTORIES[filter_name](restorer, load)


def plain_task(restorer: Restorer) -> EvaluationTask:
    """Nothing but the result is scored."""
    return EvaluationTask(restore=lambda window: (restorer.restore(window), {}))
