"""Places and lengths in a video as people give them: times, or frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from ..errors import OptionError

__all__ = ["Position", "later_timecode", "parse_position"]

_FRAMES = re.compile(r"(\d{1,12})f")
_TIME = re.compile(r"(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})")
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")
_SIXTY = 60


@dataclass(frozen=True)
class Position:
    """A place, counted from the beginning, or a length."""

    seconds: Fraction | None = None
    """None = it is given in frames."""
    frames: int | None = None
    """Number of a frame, from 0, or how many; None = it is given in seconds."""

    def __str__(self) -> str:
        """As the command takes it."""
        if self.seconds is None:
            return f"{self.frames}f"
        return f"{float(self.seconds):.9f}".rstrip("0").rstrip(".")


def parse_position(text: str) -> Position:
    """Read a time or a number of frames.

    Args:
        text: Seconds ("90.5"), minutes and seconds ("1:30.5"), hours too ("1:02:03.5"), or frames
            ("250f").

    Raises:
        OptionError: It is none of those.

    >>> parse_position("1:02:03.5").seconds
    Fraction(7447, 2)
    >>> parse_position("250f").frames
    250
    """
    if found := _FRAMES.fullmatch(text.strip()):
        return Position(frames=int(found[1]))
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise OptionError(
            f"{text!r} is no time; give seconds (90.5), 1:02:03.5, or a number of frames (250f)"
        )
    hours, minutes = int(found[1] or 0), int(found[2] or 0)
    seconds = Fraction(found[3])
    is_over = (found[1] and minutes >= _SIXTY) or (found[2] and seconds >= _SIXTY)
    if is_over:
        raise OptionError(f"{text!r} is no time: behind a colon it goes up to 59")
    return Position(seconds=hours * 3600 + minutes * _SIXTY + seconds)


def later_timecode(timecode: str, frames: int, rate: Fraction) -> str:
    """A timecode some frames later; drop-frame (";") skips two numbers a minute for each 30.

    What is no timecode is given back as it is.

    >>> later_timecode("01:00:59;28", 2, Fraction(30000, 1001))
    '01:01:00;02'
    >>> later_timecode("10:00:00:00", 30, Fraction(25))
    '10:00:01:05'
    """
    parts = _TIMECODE.fullmatch(timecode)
    nominal = round(rate)
    if parts is None or not nominal:
        return timecode
    hours, minutes, seconds, frame = (int(parts[index]) for index in (1, 2, 3, 5))
    dropped = nominal // 15 if parts[4] != ":" else 0
    whole_minutes = hours * 60 + minutes
    number = (whole_minutes * 60 + seconds) * nominal + frame + frames
    number -= dropped * (whole_minutes - whole_minutes // 10)
    if dropped:  # the numbers that are skipped are put back
        ten_minutes, rest = divmod(number, nominal * 600 - dropped * 9)
        number += dropped * 9 * ten_minutes
        if rest >= nominal * 60:
            number += dropped * ((rest - nominal * 60) // (nominal * 60 - dropped) + 1)
    total_seconds, frame = divmod(number, nominal)
    minutes, seconds = divmod(total_seconds, 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02}{parts[4]}{frame:02}"
