"""What a filter can tell of its work beside its result, so that it is scored along with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from ..restorers import Restorer
from ..restorers.brmr.regions import Window
from ..restorers.brmr.restorer import BRMRRestorer
from .scores import Figures

__all__ = ["Insight", "Stage", "brmr_insight", "plain_insight"]


class Stage(NamedTuple):
    """An intermediate result, scored as the result is."""

    title: str
    """What its rows are called."""
    restore: Callable[[Tensor], Tensor]
    """As `Restorer.restore`."""


@dataclass(frozen=True, kw_only=True)
class Insight:
    """A filter with what it tells."""

    restore: Callable[[Tensor], tuple[Tensor, Figures]]
    """As `Restorer.restore`; with it come figures of how the frame was restored."""
    stages: Mapping[str, Stage] = field(default_factory=dict)
    """By their names in figures, in the order in which the filter comes to them."""
    mine: Callable[[Tensor], Window] | None = None
    """(3, H, W), in [0, 1], on any device -> the window it takes for the most blurred; None = it
    looks for none."""


def plain_insight(restorer: Restorer) -> Insight:
    """A filter that tells nothing but its result."""
    return Insight(restore=lambda window: (restorer.restore(window), {}))


def brmr_insight(restorer: BRMRRestorer, image_generator: Restorer) -> Insight:
    """The parts of adversarial BRMR (paper 000): the image generator, the loop, the detector.

    Args:
        restorer: The whole algorithm.
        image_generator: The same without any iteration.
    """

    def restore(window: Tensor) -> tuple[Tensor, Figures]:
        result = restorer.analyse(window[0])
        return result.restored[None], {"restored_iterations": float(result.iterations)}

    def mine(frame: Tensor) -> Window:
        return restorer.mine(frame.to(restorer.device))

    return Insight(
        restore=restore,
        stages={"g_image": Stage("G_i alone", image_generator.restore)},
        mine=mine,
    )
