"""The two ends of a pipe, as files whose waits can be called off."""

from __future__ import annotations

import os
import select
from threading import Event

__all__ = ["PipeEnd", "PipeMouth"]


class PipeEnd:
    """The reading end of a pipe, as a file; a read can be called off. It closes itself at its end.

    Args:
        descriptor: Of the pipe; it becomes this object's.
        closed: Once it is set, the pipe is at its end.
    """

    _WAKE_SECONDS = 0.1

    def __init__(self, descriptor: int, closed: Event) -> None:
        self._descriptor: int | None = descriptor
        self._closed = closed
        self._begun = False

    def read(self, size: int) -> bytes:
        """What has come, `size` bytes at most; empty at the end."""
        while self._descriptor is not None and not self._closed.is_set():
            ready, _, _ = select.select([self._descriptor], [], [], self._WAKE_SECONDS)
            if not ready:
                continue
            try:
                data = os.read(self._descriptor, size)
            except BlockingIOError:
                continue
            if data:
                self._begun = True
                return data
            if self._begun:
                break
            # A named pipe that nobody has written to yet is at its end all the time.
            self._closed.wait(self._WAKE_SECONDS)
        self.close()
        return b""

    def close(self) -> None:
        """Close the pipe."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class PipeMouth:
    """The writing end of a pipe, as a file; a write that nobody takes can be called off.

    Args:
        descriptor: Of the pipe; it becomes this object's.
        stop: Calls writes off that have to wait.
    """

    _PIECE = 4096  # what a pipe takes whole if it says that it takes anything
    _WAKE_SECONDS = 0.1

    def __init__(self, descriptor: int, stop: Event) -> None:
        self._descriptor, self._stop = descriptor, stop

    def write(self, data: bytes) -> int:
        """Write all of it, waiting for whoever reads it.

        Raises:
            OSError: Nobody does any more.
        """
        view = memoryview(data)
        done = 0
        while done < len(view):
            while not select.select([], [self._descriptor], [], self._WAKE_SECONDS)[1]:
                if self._stop.is_set():
                    raise TimeoutError("nobody reads it")
            done += os.write(self._descriptor, view[done : done + self._PIECE])
        return done

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._descriptor)
