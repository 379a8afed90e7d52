"""What FFmpeg says of a failure. PyAV keeps it to itself unless it is asked.

To hand FFmpeg's lines on, its threads have to wait for Python's lock, whose holder may wait for
them. So they are listened to where files and encoders are opened, and not while frames flow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import av.logging

from ..errors import VideoError

__all__ = ["FFmpegLines", "ffmpeg_reasons", "listen_to_ffmpeg"]


class FFmpegLines(Enum):
    """Which of FFmpeg's lines are wanted."""

    NONE = "none"
    REASONS = "reasons"
    """Those that say why something failed, in the error's text."""
    ALL = "all"
    """All from INFO up, as FFmpeg writes them to stderr."""


_wanted = FFmpegLines.NONE


def listen_to_ffmpeg(lines: FFmpegLines) -> None:
    """Choose which of FFmpeg's lines are wanted, for the whole process."""
    global _wanted
    _wanted = lines
    if lines is FFmpegLines.ALL:
        av.logging.set_libav_level(av.logging.INFO)
        av.logging.restore_default_callback()
    else:
        av.logging.set_level(None)


@contextmanager
def ffmpeg_reasons() -> Iterator[None]:
    """Add to an error that is raised in here what FFmpeg gave as its reason.

    Raises:
        VideoError: The one that was raised, with the reason behind it.
    """
    if _wanted is not FFmpegLines.REASONS:
        yield
        return
    try:
        with av.logging.Capture(local=False) as lines:
            av.logging.set_level(av.logging.ERROR)
            yield
    except VideoError as error:
        reason = _reason(lines)
        if reason is None or not isinstance(error.__cause__, av.FFmpegError):
            raise
        raise VideoError(f"{error} (FFmpeg: {reason})") from error
    finally:
        av.logging.set_level(None)


def _reason(lines: list[tuple[int, str, str]]) -> str | None:
    """The first of the last lines that are of one part of FFmpeg: what follows lists choices."""
    reason = None
    for _, part, text in reversed(lines):
        if part != lines[-1][1]:
            break
        if text.strip():
            reason = f"{part}: {' '.join(text.split()).rstrip('.')}"
    return reason
