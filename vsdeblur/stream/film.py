"""Single moments of a video, to look at: found anywhere in it, restored as all of it would be."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray
from torch import Tensor

from ..errors import VideoError
from ..frames.colour import default_matrix
from ..frames.device_streams import DeviceStreams
from ..restorers import Restorer
from .account import clock_time
from .coding import frame_coding
from .events import Picture
from .facts import has_clock_jumps, picture_track, seconds_a_unit
from .fitting import FrameFitter
from .formats import FULL_RANGE, convert_frame, natural_format, replace_planes
from .moment_planes import MomentPlanes
from .packets import first_time
from .paths import check_size, check_source
from .reader import Reader
from .scene_windows import SceneWindows
from .source import is_address, is_pipe, named, open_source

__all__ = ["Film", "Moment"]

_FURTHER_BACK = (Fraction(0), Fraction(2), Fraction(10))
"""Seconds before a moment at which its frames are looked for, one after the other: where a file's
index is coarse, the frames found first may lie behind it."""
_LAST_SECONDS = Fraction(1, 10)
"""For which the last frame counts as shown at least: headers round a video's length."""
_SCALER_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Colour matrix -> PyAV's number of the same, or nearly the same, for FFmpeg's scaler."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A frame of a video and what lies around it."""

    time: Fraction
    """When it is shown, in seconds from the start."""
    number: int
    """Its number from 0, where the frame rate is constant."""
    before: tuple[av.VideoFrame, ...]
    """Frames before it, as many as were asked for and are there; in the working format."""
    frame: av.VideoFrame
    after: tuple[av.VideoFrame, ...]

    @property
    def name(self) -> str:
        """Where it is, in words."""
        return f"{clock_time(self.time)}, frame {self.number}"


class Film:
    """An open video of which single moments are wanted. Use it in a `with` statement.

    Raises:
        VideoError: It cannot be read, or only once from its beginning.
    """

    def __init__(self, path: Path | str, *, allow_playlist: bool = False) -> None:
        if str(path) == "-" or is_pipe(path):
            raise VideoError(
                f"{named(path)} can be read only once, from its beginning; give a file"
            )
        if not is_address(path):
            check_source(Path(path))
        self.path, self._allow_playlist = path, allow_playlist
        self._reader = Reader(path, allow_playlist=allow_playlist)
        self.facts = self._reader.facts
        self._format = natural_format(self.facts.pixel_format)
        self._fitter = FrameFitter(self.facts.width, self.facts.height)
        length = self._reader.container.duration
        self.seconds = Fraction(length, av.time_base) if length and length > 0 else None
        """How long it is, by its header; None = it does not say."""
        try:
            check_size(path, self.facts.width, self.facts.height)
        except VideoError:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.__exit__(kind, error, traceback)

    @property
    def quarter_turns(self) -> int:
        """By how many quarter turns to the left players show it."""
        return round(self.facts.first.rotation / 90) % 4

    @property
    def is_hdr(self) -> bool:
        """Whether its brightness is coded for HDR displays (PQ, HLG)."""
        return self.facts.first.color_trc in (16, 18)

    def moment(self, seconds: Fraction, radius: int) -> Moment:
        """The frame that is shown at a time, with its neighbours.

        Args:
            seconds: From the start.
            radius: How many frames before and after it are wanted.

        Raises:
            VideoError: The video is not so long.
        """
        found = None
        if self.seconds is None or seconds <= self.seconds + 1:
            found = self._sought(seconds, radius) or self._at(self._from_start(), seconds, radius)
        if found is None:
            raise VideoError(
                f"{named(self.path)} has no frame at {clock_time(seconds)}"
                + ("" if self.seconds is None else f": it is {clock_time(self.seconds)} long")
                + "; give an earlier time"
            )
        return found

    def pixels(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """A frame in the working format as RGB, (H, W, 3), as players show it but for turning."""
        number = 1 if self.facts.becomes_yuv else int(frame.colorspace)
        if number not in _SCALER_MATRICES:
            number = default_matrix(self.facts.width, self.facts.height)
        shown = frame.reformat(
            format="rgb24",
            src_colorspace=_SCALER_MATRICES[number],
            src_color_range=FULL_RANGE if self.facts.full_range else 1,
            dst_color_range=FULL_RANGE,
        )
        return np.asarray(shown.to_ndarray(), np.uint8)

    def restored(
        self, moment: Moment, restorer: Restorer, scene_threshold: float | None = None
    ) -> list[NDArray[np.uint8]]:
        """What a restorer makes of a moment: RGB pictures (H, W, 3), several if it gives several.

        Args:
            moment: With at least as many neighbours as the restorer looks at.
            restorer: What restores it.
            scene_threshold: See `StreamOptions`.
        """
        coding = frame_coding(self.facts, self._format, restorer.channels, restorer.device)
        planes = MomentPlanes(restorer, coding, self._format)
        windows = SceneWindows(
            radius=restorer.radius, luma=coding.luma, scene_threshold=scene_threshold
        )
        radius = restorer.radius
        near = [*moment.before[len(moment.before) - radius :], moment.frame, *moment.after[:radius]]
        streams = DeviceStreams(restorer.device)
        pushed = (
            given
            for frame in near
            for given in windows.push(frame, streams.pending(coding.read(frame)))
        )
        window = next(w for f, w in _all(pushed, windows) if f is moment.frame)
        pictures = restorer.restore(window, moment.number)
        changed = planes.of(moment.frame, window[radius].cpu(), pictures.cpu())
        return [self._with_planes(moment.frame, each) for each in changed]

    def _with_planes(
        self, frame: av.VideoFrame, planes: list[NDArray[np.generic]]
    ) -> NDArray[np.uint8]:
        copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
        for own, other in zip(copy.planes, frame.planes, strict=True):
            _copy_rows(own, other)
        copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
        replace_planes(copy, planes)
        return self.pixels(copy)

    def _from_start(self) -> Iterator[tuple[Fraction, int, av.VideoFrame]]:
        """Time, number and frame of all that comes, from the beginning on."""
        number = 0
        with Reader(self.path, allow_playlist=self._allow_playlist) as reader:
            reader.working_format = self._format
            for event in reader:
                if isinstance(event, Picture):
                    yield event.time, number, event.frame
                    number += 1

    def _sought(self, seconds: Fraction, radius: int) -> Moment | None:
        """The moment, found by the file's index; None = it has to be looked for from the start."""
        if self._reader.container.format.name == "avi" or has_clock_jumps(self._reader.container):
            return None  # whose frames do not say when they are shown, or not reliably
        margin = (radius + 1) / self.facts.frame_rate
        for further in _FURTHER_BACK:
            start = seconds - margin - further
            if start <= 0:
                return None
            found = self._at(self._from(start), seconds, radius)
            if found is not None and len(found.before) == radius:
                return found
        return None

    def _from(self, start: Fraction) -> Iterator[tuple[Fraction, int, av.VideoFrame]]:
        """As `_from_start`, from a key frame before a time on; nothing where that cannot be had."""
        with open_source(self.path, allow_playlist=self._allow_playlist) as container:
            stream = picture_track(self.path, container)
            stream.thread_type = "AUTO"
            unit, origin = seconds_a_unit(stream), first_time(container) or Fraction(0)
            try:
                container.seek(round((origin + start) / unit), stream=stream, backward=True)
                for frame in container.decode(stream):
                    if frame.pts is None:
                        return
                    time = frame.pts * unit - origin
                    fitted = convert_frame(self._fitter.fitted(frame), self._format)
                    yield time, round(time * self.facts.frame_rate), fitted
            except (av.FFmpegError, OSError):
                return

    def _at(
        self, frames: Iterable[tuple[Fraction, int, av.VideoFrame]], seconds: Fraction, radius: int
    ) -> Moment | None:
        """The frame that is shown at a time, among those that come in order; None = none is."""
        before: deque[tuple[Fraction, int, av.VideoFrame]] = deque(maxlen=radius + 1)
        after: list[av.VideoFrame] = []
        for time, number, frame in frames:
            if time <= seconds:
                before.append((time, number, frame))
            elif not before:
                return None
            else:
                after.append(frame)
                if len(after) >= max(radius, 1):
                    break
        lasts = max(1 / self.facts.frame_rate, _LAST_SECONDS)
        if not before or (not after and seconds > before[-1][0] + lasts):
            return None
        time, number, frame = before.pop()
        return Moment(
            time=time,
            number=number,
            before=tuple(each for _, _, each in before),
            frame=frame,
            after=tuple(after[:radius]),
        )


def _all(
    pushed: Iterator[tuple[av.VideoFrame, Tensor]], windows: SceneWindows
) -> Iterator[tuple[av.VideoFrame, Tensor]]:
    yield from pushed
    yield from windows.flush()


def _copy_rows(target: VideoPlane, source: VideoPlane) -> None:
    """Copy a plane whose lines may have other lengths."""
    rows = np.frombuffer(source, np.uint8).reshape(source.height, source.line_size)
    own = np.frombuffer(target, np.uint8).reshape(target.height, target.line_size)
    width = min(source.line_size, target.line_size)
    own[:, :width] = rows[:, :width]
