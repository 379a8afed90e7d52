"""What a restoration would do, and about how long and how large it would be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ...restorers import Restorer
from ..paths import as_given
from ..plan import Action, Plan
from ..planning import PlannedJob, planned_job
from ..reader import Reader
from ..sequences.names import is_sequence
from ..sequences.planning import check_all_paths, planned_pictures
from ..sequences.target_names import is_picture_target
from ..settings import StreamOptions
from ..source import is_address, is_pipe
from ..still import is_picture
from .measuring import Measured, measure

__all__ = ["Forecast", "expected_of_all", "forecast_file"]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What would become of a file."""

    plan: Plan | None
    """What of its tracks; None = it is a picture."""
    frames: int | None
    """Of the source, as its header says; None = it does not say."""
    measured: Measured | None
    """None = nothing was: the source can be read once only."""
    shape: tuple[object, ...] = ()
    """What speed depends on: of files with the same shape one is measured."""
    other_bytes: float = 0
    """Of the other tracks, as far as they say."""

    @property
    def seconds(self) -> float | None:
        """Wall time that it would take; None = unknown."""
        if self.frames is None or self.measured is None:
            return None
        return self.frames * self.measured.seconds_a_frame

    @property
    def bytes(self) -> float | None:
        """Size of the target; None = unknown."""
        if self.frames is None or self.measured is None:
            return None
        return self.frames * self.measured.bytes_a_frame + self.other_bytes

    def lines(self) -> list[str]:
        """The forecast for people."""
        lines = ["picture: restored"] if self.plan is None else self.plan.lines()
        if self.plan is not None and self.measured is None:
            lines.append("speed: not measured, the source can be read only once")
        if self.measured is not None:
            speed = 1 / self.measured.seconds_a_frame
            lines.append(f"speed: {speed:.3g} frames/s, measured on {self.measured.frames} frames")
        if self.seconds is not None and self.bytes is not None:
            lines.append(_expected(self.frames or 0, self.seconds, self.bytes))
        return lines


def forecast_file(
    source: Path | str,
    target: Path | str,
    restorer: Restorer,
    options: StreamOptions,
    *,
    makes_folder: bool = False,
    known: Sequence[Forecast] = (),
) -> Forecast:
    """Say what `restore_file` would do, and measure a few frames from the middle.

    Args:
        source: See `restore_file`; so are the next three.
        target: Nothing is written.
        restorer: What would restore it.
        options: How to encode.
        makes_folder: Whether the target's folder need not be there.
        known: Forecasts for other files with the same restorer and options: where the size of
            pictures is the same, what was measured is.

    Raises:
        VideoError: As `restore_file`, as far as can be told before the first frame.
    """
    source, target = as_given(source), as_given(target)
    check_all_paths(source, target, overwrite=options.overwrite, makes_folder=makes_folder)
    to_pictures = is_picture_target(source, target)
    stills = any(isinstance(name, Path) and is_picture(name) for name in (source, target))
    if stills and not to_pictures and not is_sequence(source):
        return Forecast(plan=None, frames=None, measured=None)
    plan: AbstractContextManager[PlannedJob] = (
        planned_pictures(source, Path(target), restorer, options)
        if to_pictures
        else planned_job(source, target, restorer, options)
    )
    with plan as planned:
        facts = planned.reader.facts
        shape = (facts.width, facts.height, planned.reader.working_format)
        measured = next((each.measured for each in known if each.shape == shape), None)
        if measured is None and not (is_pipe(source) or is_address(source)):
            measured = measure(planned, restorer)
        return Forecast(
            plan=planned.plan, frames=facts.frames_expected, measured=measured, shape=shape,
            other_bytes=_bytes_of_others(planned),
        )  # fmt: skip


def expected_of_all(forecasts: Sequence[Forecast]) -> str:
    """What several files take together, in a line; empty if nothing of it is known."""
    timed = [each for each in forecasts if each.seconds is not None and each.bytes is not None]
    if len(timed) < 2:
        return ""
    frames = sum(each.frames or 0 for each in timed)
    seconds = sum(each.seconds or 0 for each in timed)
    return "all: " + _expected(frames, seconds, sum(each.bytes or 0 for each in timed))


def _expected(frames: int, seconds: float, size: float) -> str:
    return f"to expect: {frames} frames in about {_duration(seconds)}, about {_size(size)}"


def _duration(seconds: float) -> str:
    """A duration in two units at most, as rough as it is known.

    >>> [_duration(each) for each in (0.4, 75, 5000, 200000)]
    ['1 s', '1 min 15 s', '1 h 23 min', '2 d 7 h']
    """
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    rest = max(1, round(seconds))
    parts: list[str] = []
    for name, length in units:
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def _size(size: float) -> str:
    """A size in a unit in which it is easy to read.

    >>> [_size(each) for each in (2000, 12.34e6, 4.2e9)]
    ['2 kB', '12.3 MB', '4.2 GB']
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{max(1, round(size / 1e3))} kB"


def _bytes_of_others(planned: PlannedJob) -> float:
    """What tracks take that are copied or converted, by what they say or show of themselves."""
    facts = planned.reader.facts
    if facts.frames_expected is None:
        return 0
    seconds = float(facts.frames_expected / facts.frame_rate) * planned.timing.slowdown
    kept = [t.index for t in planned.plan.tracks if t.action in (Action.COPY, Action.CONVERT)]
    return sum(_bytes_a_second(planned.reader, index) for index in kept) * seconds


def _bytes_a_second(reader: Reader, index: int) -> float:
    stream = reader.container.streams[index]
    if stream.type != "audio":
        return 0
    context: object = stream.codec_context
    if context is not None and stream.codec_context.bit_rate:
        return stream.codec_context.bit_rate / 8
    samples = reader.samples.get(index, [])
    seconds = sum(float((s.duration or 0) * s.time_base) for s in samples)
    return sum(s.size for s in samples) / seconds if seconds else 0
