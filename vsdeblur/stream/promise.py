"""What a source says there is of it, to hold against what came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from .facts import frame_rate, has_clock_jumps
from .source import is_pipe

__all__ = ["Promise", "promise_of"]

_LOOSE_SECONDS = Fraction(1, 2)
"""Seconds by which the length in a header may be wrong; Matroska's is exact."""
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a source says there is of it."""

    frames: int | None = None
    """Frames or fields of the picture track; None = it does not say."""
    end: Fraction | None = None
    """Where it ends, in seconds from its start; None = it does not say."""
    picture_end: Fraction | None = None
    """Where the last frame ends, likewise."""
    tolerance: Fraction = Fraction(0)
    """Seconds by which the end may be wrong."""
    frame_seconds: Fraction = Fraction(1, 25)
    """How long a frame lasts, nominally."""


def promise_of(
    path: Path | str, container: InputContainer, stream: av.VideoStream, first: Fraction | None
) -> Promise:
    """What a source promises, by its header and its index.

    Args:
        path: The source; a pipe's length is unknown.
        container: It, opened.
        stream: Its picture track.
        first: Its first time, in seconds; None = it does not say.
    """
    end = None
    # A stream has no header: its length is guessed from its last clock.
    guessed = has_clock_jumps(container) or is_pipe(path)
    if container.duration and container.duration > 0 and not guessed:
        # Some count from 0 and not from the first time.
        end = Fraction(container.duration, av.time_base) - max(Fraction(0), first or Fraction(0))
    return Promise(
        frames=stream.frames or None,
        end=end,
        picture_end=_picture_end(stream, first),
        tolerance=Fraction(0) if "matroska" in container.format.name else _LOOSE_SECONDS,
        frame_seconds=1 / frame_rate(stream),
    )


def _picture_end(stream: av.VideoStream, first: Fraction | None) -> Fraction | None:
    """Where a track ends by the tag that FFmpeg gives it in Matroska."""
    parts = _CLOCK.fullmatch(stream.metadata.get("DURATION", ""))
    if parts is None:
        return None
    hours, minutes, seconds = (Fraction(part) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds - max(Fraction(0), first or Fraction(0))
