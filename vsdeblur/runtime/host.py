"""This machine's cores and memory around frames: what is taken, and when it is given back."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count

import torch
from torch import Tensor

__all__ = ["KEEP_MEMORY", "frame_done", "keep_for_next_frame", "num_threads", "on_all_cores"]

KEEP_MEMORY = "VSDEBLUR_KEEP_MEMORY"
"""Environment variable: "1" lets `keep_for_next_frame` change the process's allocator."""

FRAMES = 128
"""Frames after which freed memory is given back; it takes some milliseconds."""

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Names of `mallopt`'s parameters."""
KEPT = {M_MMAP_THRESHOLD: 1 << 30, M_TRIM_THRESHOLD: (1 << 31) - 1, M_TOP_PAD: 1 << 27}
"""Their values, in bytes. The last is above the 64 MB of a thread's heaps: an empty heap stays."""

_done = count(1)


@cache
def keep_for_next_frame() -> None:
    """Let glibc keep the memory of a network's features for the next frame.

    By itself it gives pieces of that size back at once, and each comes back page by page, filled
    with zeros: 6 to 9% of the time of a run on a CPU. The process keeps as much as its largest
    frame took, until `frame_done` gives it back.

    That is a setting of the whole process, which may be a player or an editor: it is made only
    where the environment asks for it, as our own commands do (see `KEEP_MEMORY`). Whoever has set
    malloc up by environment variables is left alone.
    """
    if os.environ.get(KEEP_MEMORY) != "1":
        return
    names = [*os.environ, *os.environ.get("GLIBC_TUNABLES", "").split(":")]
    if any(name.startswith(("MALLOC_", "glibc.malloc.")) for name in names):
        return
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        for parameter, value in KEPT.items():
            mallopt(parameter, value)


def frame_done() -> None:
    """To be called after every frame.

    glibc before 2.38 hardly uses freed memory again where the new piece must be aligned, as
    VapourSynth's planes are: a filter that does nothing but copy 1080p frames grows by half a
    megabyte a frame. What is free is given back from time to time.
    """
    if next(_done) % FRAMES == 0:
        _give_back()


def _give_back() -> None:
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


@cache
def _of_glibc(name: str) -> ctypes._FuncPointer | None:
    """A function of glibc; None with other C libraries."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)


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
