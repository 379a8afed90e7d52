"""How many cores PyTorch's work on the CPU takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["num_threads"]


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
