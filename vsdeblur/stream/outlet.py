"""Targets that are written through: stdout, named pipes and devices."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import VideoError

__all__ = ["check_streamable", "open_outlet"]

_STREAMABLE = frozenset(
    {"matroska", "webm", "mpegts", "nut", "flv", "yuv4mpegpipe", "rawvideo", "h264", "hevc", "obu"}
)
"""Containers that are written from front to back."""
_WAIT_SECONDS, _POLL_SECONDS = 60.0, 0.1

log = logging.getLogger("vsdeblur")


def check_streamable(target: Path | str, container: str) -> None:
    """Refuse a container that a pipe cannot carry.

    Raises:
        VideoError: It has to go back to what it has written.
    """
    if container not in _STREAMABLE:
        raise VideoError(
            f"{container} cannot be written to {_named(target)}, which cannot go back; use "
            "--container matroska, mpegts or y4m"
        )


@contextmanager
def open_outlet(target: Path | str) -> Iterator[IO[bytes]]:
    """Open a target for writing; a named pipe is waited for until somebody reads it.

    Raises:
        VideoError: It cannot be written to, or nobody reads it.
    """
    try:
        descriptor = os.dup(1) if str(target) == "-" else _opened(Path(target))
    except OSError as error:
        raise VideoError(f"cannot write {_named(target)}: {error.strerror}") from error
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield file


def _opened(target: Path) -> int:
    is_fifo = stat.S_ISFIFO(target.stat().st_mode)
    give_up = time.monotonic() + _WAIT_SECONDS
    said = False
    while True:
        try:
            descriptor = os.open(target, os.O_WRONLY | (os.O_NONBLOCK if is_fifo else 0))
        except OSError as error:
            if error.errno != errno.ENXIO or not is_fifo:
                raise
            if time.monotonic() > give_up:
                raise VideoError(
                    f"nobody reads the pipe {target}; start the program that does"
                ) from error
            if not said:
                log.info("waiting for a program to read %s", target)
            said = True
            time.sleep(_POLL_SECONDS)
        else:
            if is_fifo:  # elsewhere it blocks already, and Windows cannot set it
                os.set_blocking(descriptor, True)
            return descriptor


def _named(target: Path | str) -> str:
    return "stdout" if str(target) == "-" else str(target)
