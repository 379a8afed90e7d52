"""What is scored of adversarial BRMR (paper 000): the image generator, the loop, the detector."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..restorers import Restorer
from ..restorers.brmr.regions import Window
from ..restorers.brmr.restorer import BRMRRestorer
from .evaluation_task import EvaluationTask, Intermediate
from .scores import Figures

__all__ = ["brmr_evaluation"]


def brmr_evaluation(restorer: Restorer, load: Callable[..., Restorer]) -> EvaluationTask:
    """Score the picture of the image generator alone, the rounds, and where blur is found.

    Args:
        restorer: The whole algorithm.
        load: Loads the same with another `max_iterations`.
    """
    assert isinstance(restorer, BRMRRestorer)
    image_generator = load(max_iterations=0)

    def restore(window: Tensor) -> tuple[Tensor, Figures]:
        result = restorer.analyse(window[0])
        return result.restored[None], {"restored_iterations": float(result.iterations)}

    def localise(frame: Tensor) -> Window:
        return restorer.mine(frame.to(restorer.device))

    return EvaluationTask(
        restore=restore,
        intermediates={"g_image": Intermediate("G_i alone", image_generator.restore)},
        localise=localise,
    )
