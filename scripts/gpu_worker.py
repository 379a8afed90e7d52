"""A process of `gpu_rows` that is asked for rows, and ended when it takes too long."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import Any, Self

__all__ = ["CutError", "DiedError", "Worker"]

ROWS = Path(__file__).with_name("gpu_rows.py")


class CutError(Exception):
    """The time was over."""


class DiedError(Exception):
    """The process has ended; the text says how."""


class Worker:
    """A process of `gpu_rows`: there is a new one when it is asked after it has ended.

    Args:
        options: More options of `gpu_rows`.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._lines: Queue[str | None] = Queue()
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - see __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._kill()
        self._said.close()

    def ask(self, phase: str, row: str, seconds: float, end: float) -> Iterator[tuple[str, str]]:
        """Ask for a row: names and texts as they come.

        Raises:
            CutError: It is not there at the end (of time.monotonic()); the process has been ended.
            DiedError: The process has ended by itself.
        """
        process = self._process or self._begin()
        assert process.stdin is not None
        request = json.dumps({"phase": phase, "row": row, "seconds": seconds})
        with contextlib.suppress(BrokenPipeError):  # that it has ended is told below
            print(request, file=process.stdin, flush=True)
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - monotonic()))
            except Empty:
                self._kill()
                raise CutError from None
            if line is None:
                raise DiedError(self._last_words())
            answer = _answer(line)
            if answer.get("end"):
                return
            if answer:
                yield answer["name"], answer["text"]
                if "CUDA error" in answer["text"]:  # nothing it says of a card is worth any more
                    self._kill()
                    return

    def _begin(self) -> subprocess.Popen[str]:
        self._lines = Queue()
        self._process = subprocess.Popen(
            [sys.executable, str(ROWS), *self._options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._said, text=True, errors="replace",
            start_new_session=True,  # to be ended with all that it has started
        )  # fmt: skip
        Thread(target=_forward, args=[self._process, self._lines], daemon=True).start()
        return self._process

    def _last_words(self) -> str:
        assert self._process is not None
        status = self._process.wait()
        self._kill()
        self._said.seek(0)
        last = (self._said.read().strip().splitlines() or ["it said nothing"])[-1]
        return f"its process ended with status {status}: {last[:200]}"

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.communicate()


def _answer(line: str) -> dict[str, Any]:
    """A line of the process; {} for what libraries print."""
    try:
        answer = json.loads(line)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _forward(process: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    assert process.stdout is not None
    with contextlib.suppress(ValueError):  # closed
        for line in process.stdout:
            lines.put(line)
    lines.put(None)
