"""How many cores PyTorch's work on the CPU takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["num_threads", "on_all_cores"]


@contextmanager
def num_threads(number: int) -> Iterator[None]:
    """Let operations that this thread asks for run on so many threads, until the `with` ends.

    PyTorch keeps the number by thread, but a thread that has none yet takes the last one that any
    thread was given: whoever needs all cores says so.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_all_cores(network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A network that takes as many threads as this one has now, whoever calls it."""
    cores = torch.get_num_threads()

    def run(frames: Tensor) -> Tensor:
        with num_threads(cores):  # the calling thread may have kept to one
            return network(frames)

    return run
