"""Keeps stdout clean: it may carry frames."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from threading import Lock

__all__ = ["stdout_to_stderr"]

_lock = Lock()
_depth = 0
_kept: int | None = None
"""A copy of file descriptor 1, while it points to stderr."""


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what libraries print to stdout to stderr, C code's too.

    It holds for the whole process. So it is for what happens before frames flow: imports, builds
    and trial runs. It may be nested, and used from several threads.
    """
    global _depth
    with _lock:
        _depth += 1
        if _depth == 1:
            _redirect()
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _restore()


def _redirect() -> None:
    global _kept
    _flush()
    # Programs with windows have no file descriptors 1 and 2: nothing can go wrong there.
    with contextlib.suppress(OSError):
        kept = os.dup(1)
        try:
            os.dup2(2, 1)
        except OSError:
            os.close(kept)
        else:
            _kept = kept


def _restore() -> None:
    global _kept
    _flush()
    if _kept is not None:
        os.dup2(_kept, 1)
        os.close(_kept)
        _kept = None


def _flush() -> None:
    """Empty the buffers of Python and of C: what was printed goes where it was meant to go."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush(None)
