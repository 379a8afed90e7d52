"""Says once a second how a live run does: as a line of JSON, and as words."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ....errors import OptionError
from .meter import LiveStatus

__all__ = ["StatusFile", "as_json", "in_words"]

_SUMS = (
    "latency",
    "latency_p95",
    "latency_max",
    "av_offset",
    "bit_rate",
    "reconnects",
)
"""What is said of all outputs together, before each is spoken of."""


def as_json(status: LiveStatus) -> str:
    """A status in one line of JSON; times are in seconds."""
    fields = asdict(status)
    outputs = fields.pop("outputs")
    fields |= {name: getattr(status, name) for name in _SUMS}
    rounded = {name: _rounded(value) for name, value in fields.items()}
    rounded["outputs"] = [
        {name: _rounded(value) for name, value in output.items()} for output in outputs
    ]
    return json.dumps(rounded)


def in_words(status: LiveStatus, *, ended: bool = False) -> str:
    """A status in one line for a terminal.

    Args:
        status: The status.
        ended: Whether it is the last one: then nothing is connected any more.
    """
    parts = [
        f"{status.frames_in} frames: {status.restored} restored",
        f"{status.passed} passed through",
        f"{status.dropped} dropped",
        f"level {status.level} ({status.level_name})",
    ]
    if status.latency is not None and status.latency_p95 is not None:
        parts.append(f"latency {status.latency:.2f} s (95%: {status.latency_p95:.2f} s)")
    if status.av_offset is not None:
        parts.append(f"A/V {status.av_offset * 1000:+.0f} ms")
    parts.append(f"{status.bit_rate / 1e6:.2f} Mbit/s")
    away = [output.name for output in status.outputs if not output.connected]
    if away and not ended:
        parts.append(f"not connected: {', '.join(away)}")
    return ", ".join(parts)


class StatusFile:
    """A file of statuses, a line each. Use it in a `with` statement.

    Args:
        name: The file, which is continued if it exists; "-" = stdout.

    Raises:
        OptionError: It cannot be written.
    """

    def __init__(self, name: str) -> None:
        self._file: TextIO
        if name == "-":
            self._file = sys.stdout
            return
        try:
            self._file = Path(name).open("a", encoding="utf-8")  # noqa: SIM115 - closed at the end
        except OSError as error:
            raise OptionError(f"cannot write the status to {name}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not sys.stdout:
            with suppress(OSError):
                self._file.close()

    def write(self, status: LiveStatus) -> None:
        """Add a line; a full disk does not stop the stream."""
        with suppress(OSError, ValueError):
            self._file.write(as_json(status) + "\n")
            self._file.flush()


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
