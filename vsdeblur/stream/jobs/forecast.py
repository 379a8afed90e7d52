"""What a restoration would do, and about how long and how large it would be."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import IO, Any, cast

from av.packet import Packet

from ...restorers import Restorer
from ..excerpt import ExcerptRequest
from ..paths import as_given, check_paths
from ..plan import Action, Plan
from ..planning import PlannedJob, planned_job
from ..positions import Position
from ..reader import Reader
from ..restoration import Restoration
from ..settings import StreamOptions, StreamProgress
from ..source import is_address, is_pipe
from ..still import is_picture

__all__ = ["Forecast", "Measured", "expected_of_all", "forecast_file"]

FRAMES = 20
"""Frames that are restored to measure."""
_WARM_UP = 4
"""Frames before those, while which caches fill and threads start."""
_GROUP = 250
"""Frames from one key frame to the next where no more of them were seen: x264's habit."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a few frames took."""

    frames: int
    seconds_a_frame: float
    """Wall time for a frame of the source."""
    bytes_a_frame: float
    """Of the restored picture track, for a frame of the source, over a long run."""


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
    check_paths(source, target, overwrite=options.overwrite, makes_folder=makes_folder)
    if any(isinstance(name, Path) and is_picture(name) for name in (source, target)):
        return Forecast(plan=None, frames=None, measured=None)
    with planned_job(source, target, restorer, options) as planned:
        facts = planned.reader.facts
        shape = (facts.width, facts.height, planned.reader.working_format)
        measured = next((each.measured for each in known if each.shape == shape), None)
        if measured is None and not (is_pipe(source) or is_address(source)):
            measured = _measured(planned, restorer)
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


def _measured(planned: PlannedJob, restorer: Restorer) -> Measured | None:
    """Restore frames from the middle of what is wanted, into nothing."""
    stopwatch, sizes = _Stopwatch(), _Sizes()
    count = ExcerptRequest(duration=Position(frames=_WARM_UP + FRAMES))
    options = replace(planned.options, part=count)
    with (
        Reader(
            planned.reader.path, allow_playlist=options.allow_playlist,
            wanted=count, radius=restorer.radius, near=_middle(planned),
        ) as reader,
    ):  # fmt: skip
        reader.working_format = planned.reader.working_format
        job = replace(planned, reader=reader, options=options)
        with job.writer(cast(IO[bytes], _Nowhere())) as writer:
            writer.on_packet = sizes.note
            run = Restoration(reader, writer, restorer, options, planned.timing, stopwatch.note)
            if run.run():
                raise KeyboardInterrupt
    seconds = stopwatch.seconds_a_frame()
    if seconds is None:
        return None
    frames = len(stopwatch.times)
    size = sizes.bytes_a_frame() * sizes.count / frames
    return Measured(frames=min(FRAMES, frames - 1), seconds_a_frame=seconds, bytes_a_frame=size)


def _middle(planned: PlannedJob) -> Fraction:
    """When the frames are shown that are measured, in seconds of the source."""
    facts, start = planned.reader.facts, planned.reader.part_start
    frames = facts.frames_expected or 0
    return start + max(0, frames - _WARM_UP - FRAMES) / facts.frame_rate / 2


class _Stopwatch:
    """When each frame was restored, and when all was written."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def note(self, progress: StreamProgress) -> None:
        """A frame is restored."""
        self.times.append(monotonic())

    def seconds_a_frame(self) -> float | None:
        """Seconds that a frame takes in a long run; None = there were too few.

        Restoring and encoding go on at once: the slower of them is what counts. How long encoding
        takes shows in what is left of it after the last frame.
        """
        done = monotonic()
        if len(self.times) < 2:
            return None
        warm = min(_WARM_UP, len(self.times) - 2)
        restoring = (self.times[-1] - self.times[warm]) / (len(self.times) - 1 - warm)
        return max(restoring, (done - self.times[-1]) / len(self.times), 1e-6)


class _Sizes:
    """Sizes of encoded frames."""

    def __init__(self) -> None:
        self._key: list[int] = []
        self._others: list[int] = []

    def note(self, packet: Packet[Any]) -> None:
        """A frame is encoded."""
        (self._key if packet.is_keyframe else self._others).append(packet.size)

    @property
    def count(self) -> int:
        """How many frames there were."""
        return len(self._key) + len(self._others)

    def bytes_a_frame(self) -> float:
        """Bytes of a frame in a long run, in which there are fewer key frames than in a few."""
        if not self.count:
            return 0
        if not self._others or len(self._key) > 1:
            return (sum(self._key) + sum(self._others)) / self.count
        others = sum(self._others) / len(self._others)
        return others + (self._key[0] - others) / _GROUP


class _Nowhere(io.RawIOBase):
    """A file that keeps nothing; one may go back in it."""

    def __init__(self) -> None:
        self._place = self._end = 0

    def writable(self) -> bool:
        """It takes all there is."""
        return True

    def seekable(self) -> bool:
        """MP4 and Matroska go back to what they have written."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever is like bytes
        """Forget data."""
        self._place += len(data)
        self._end = max(self._end, self._place)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence, self._end)
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place


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
