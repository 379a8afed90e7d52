"""Keeps the memory of a long run flat where the C library does not."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from itertools import count

__all__ = ["frame_done"]

FRAMES = 128
"""Frames after which freed memory is given back; it takes some milliseconds."""

_done = count(1)


def frame_done() -> None:
    """To be called after every frame.

    glibc before 2.38 hardly uses freed memory again where the new piece must be aligned, as
    VapourSynth's planes are: a filter that does nothing but copy 1080p frames grows by half a
    megabyte a frame. What is free is given back from time to time.
    """
    if next(_done) % FRAMES == 0:
        _give_back()


def _give_back() -> None:
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> ctypes._FuncPointer | None:
    """`malloc_trim` of glibc; None with other C libraries."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
