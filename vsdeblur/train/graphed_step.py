"""A training step as one CUDA graph: the device does it without waiting for Python.

A step of a small network is hundreds of short kernels, and starting them one by one takes longer
than they run. The first steps are done as they come, on a stream of their own, so that everything
that is made once has been made; then one is recorded, and from there on it is played.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import first_line

__all__ = ["WARM_UP_STEPS", "GraphedStep"]

WARM_UP_STEPS = 10
"""Done as they come: libraries choose their kernels, optimisers make their state."""


class GraphedStep:
    """Plays a step as a graph where that can be, and does it as it comes elsewhere.

    Args:
        work: The step, on the device alone: the parts of a batch, all of the same shapes each time,
            -> the loss, a scalar. What changes from step to step it takes from tensors.
        why_not: Why no graph is to be made; None = one is, "" = there is nothing to be said of it.
        say: Called with one line if there is no graph.
    """

    def __init__(
        self,
        work: Callable[..., Tensor],
        why_not: str | None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._work = work
        self._say = say
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor] = []
        self._loss: Tensor | None = None
        self._steps_done = 0
        self._is_eager = why_not is not None
        if why_not:
            self._say_why(why_not)

    def __call__(self, *batch: Tensor) -> Tensor:
        """Do the step; the loss, which the next step may overwrite."""
        if self._is_eager:
            return self._work(*batch)
        if self._steps_done < WARM_UP_STEPS:
            self._steps_done += 1
            return self._warmed_up(batch)
        if self._graph is None and not self._record(batch):
            return self._work(*batch)
        assert self._graph is not None
        assert self._loss is not None
        for kept, part in zip(self._inputs, batch, strict=True):
            kept.copy_(part)
        self._graph.replay()
        return self._loss

    def _warmed_up(self, batch: tuple[Tensor, ...]) -> Tensor:
        stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            loss = self._work(*batch)
        current.wait_stream(stream)
        return loss

    def _record(self, batch: tuple[Tensor, ...]) -> bool:
        """Record the step without doing it; whether that could be."""
        self._inputs = [part.clone() for part in batch]
        graph, cause = torch.cuda.CUDAGraph(), None
        try:
            # A recording that fails leaves its own stream behind as the current one.
            with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
                try:
                    self._loss = self._work(*self._inputs)
                except Exception as error:  # to end the recording will fail too, and says less
                    cause = error
                    raise
        except Exception as error:  # whatever it is, the step can be done as it comes
            torch.cuda.synchronize()
            _free_random_numbers()
            self._is_eager, self._inputs, self._loss = True, [], None
            self._say_why(first_line(cause or error))
            return False
        self._graph = graph
        return True

    def _say_why(self, reason: str) -> None:
        self._say(f"steps are not played as a CUDA graph, and take longer: {reason}")


def _free_random_numbers() -> None:
    """Let dropout draw again: a recording that fails keeps the generator's state to itself."""
    if torch.cuda.is_initialized():
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        fresh = torch.Generator(generator.device)
        generator.graphsafe_set_state(fresh.graphsafe_get_state())
