"""What the outside does to a running job: it is told to stop, or nobody listens any more."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO, cast

__all__ = [
    "STOPPED",
    "StopSignals",
    "leave",
    "never_fail_to_print",
    "stop_signals",
    "unbroken_stderr",
]

STOPPED = 128 + signal.SIGINT
"""Exit status after Ctrl-C, as shells have it."""
_STOPPED_FROM = 128
"""Exit statuses from which on a signal has ended the job."""
_SIGNALS = ("SIGTERM", "SIGHUP", "SIGBREAK")
"""Sent by shutdown, timeout, docker stop; by a terminal that is closed; by Windows."""


def never_fail_to_print() -> None:
    """Let what the code page of stdout lacks be printed as its number (Windows, into a pipe)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class StopSignals:
    """Which signal has stopped the job."""

    def __init__(self) -> None:
        self.status = STOPPED
        """Exit status after it."""

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """End the job as Ctrl-C does."""
        self.status = 128 + number
        raise KeyboardInterrupt


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does; what is ignored, as under nohup, stays so."""
    stopped = StopSignals()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stopped.interrupt)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Unbroken:
    """A text stream that may be closed at the other end: what is written is then lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)


def leave(status: int) -> int:
    """End this process at once if it was stopped or a thread still hangs in a library.

    Libraries may take seconds to put themselves away. A read that nobody answers cannot be called
    off, and an interpreter that ends under a thread in C++ aborts.

    Returns:
        The exit status, to end as usual.
    """
    if status < _STOPPED_FROM and threading.active_count() == 1:
        return status
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


@contextmanager
def unbroken_stderr() -> Iterator[None]:
    """Let a job go on when nobody reads what it says on stderr."""
    stderr = sys.stderr
    if stderr is not None:
        sys.stderr = cast(TextIO, _Unbroken(stderr))
    try:
        yield
    finally:
        sys.stderr = stderr
