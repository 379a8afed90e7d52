"""Writes a video file: encodes the picture track, copies what else the source has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType
from numpy.typing import NDArray

from ..errors import VideoError
from .containers import keeps_phone_keys, open_target
from .encoder import add_encoder
from .formats import has_alpha, replace_planes
from .grid import target_unit
from .other_tracks import OtherTracks
from .phone_dates import forget_date_key
from .plan import Action, Plan
from .reader import Reader, one_line
from .settings import StreamOptions
from .settings_tag import with_comment
from .timeline import Rising
from .timing import Shown, Timing
from .tracks import ALPHA_TAG, container_metadata, copy_description, tag_hevc

__all__ = ["Writer"]

_EARLY = Fraction(2, 5)
"""Frames by which one may be early: a start between two frames goes to the first."""


def _ignore(packet: Packet[Any]) -> None:
    pass


class Writer:
    """An open output. Use it in a `with` statement; without `finish` it is left unplayable."""

    def __init__(
        self,
        file: Path | IO[bytes],
        reader: Reader,
        options: StreamOptions,
        timing: Timing,
        plan: Plan,
        *,
        named: Path | str,
    ) -> None:
        """Open an output and write its header.

        Args:
            file: The file to write, or an open one.
            reader: The source, whose other streams are copied.
            options: How to encode.
            timing: How the source's times become the target's.
            plan: What becomes of each track.
            named: The file's name in messages.

        Raises:
            VideoError: The file cannot be written, or not with this codec in this container.
        """
        self.frames = 0
        """Frames the encoder has given back."""
        self.refused = 0
        """Damaged packets of other tracks that the container does not take."""
        self.source_frame = 0
        """Number of the frame of the source that is written, from 0."""
        self.on_packet: Callable[[Packet[Any]], None] = _ignore
        """Is shown each encoded frame before it is written."""
        self._named = named
        self._timing = timing
        self._rising = Rising()
        self._container = open_target(file, plan.container, reader.container.metadata, named=named)
        phone = keeps_phone_keys(plan.container, reader.container.metadata)
        self._dated_twice = file if phone and isinstance(file, Path) else None
        self._others = OtherTracks(self._container, timing.slowdown)
        try:
            self._stream = self._add_streams(reader, options, plan)
            self._start(options)
        except BaseException:
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
        with suppress(av.FFmpegError, OSError, ValueError):  # closing again is harmless
            self._container.close()

    def pass_frame(self, number: int) -> None:
        """A frame of the source is not restored: what an earlier run made of it is there.

        Args:
            number: Which one, from 0.
        """
        raise NotImplementedError("this writer has no earlier run")

    def write_frame(
        self, frame: av.VideoFrame, planes: Sequence[NDArray[np.generic]], shown: Shown
    ) -> None:
        """Encode a frame with new planes.

        Args:
            frame: Source frame, in the working format; it becomes the writer's, but may be
                given again with other planes.
            planes: Code values of Y, or of Y, U and V, each (rows, columns).
            shown: When it is shown, in the target's time base.

        Raises:
            VideoError: The encoder or the file system refuses.
        """
        replace_planes(frame, planes)
        frame.pict_type = PictureType.NONE  # the encoder chooses, not the source
        frame.pts, frame.duration = self._grid(shown)
        frame.time_base = self._time_base
        with self._failing():
            self._encode(frame)

    def write_packet(self, packet: Packet[Stream]) -> None:
        """Copy a packet of another stream, or convert it, as the plan says.

        Raises:
            VideoError: The file system refuses.
        """
        with self._failing():
            for converted in self._others.converted(packet):
                self._mux(converted)
            copied = self._others.copied(packet)
            if copied is None:
                return
            try:
                self._container.mux_one(copied)
            except av.InvalidDataError:
                self.refused += 1

    def finish(self) -> None:
        """Flush the encoders and complete the file.

        Raises:
            VideoError: An encoder or the file system refuses.
        """
        with self._failing():
            for packet in self._others.rest():
                self._mux(packet)
            self._encode(None)
            self._container.close()
            if self._dated_twice is not None:
                forget_date_key(self._dated_twice)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        packets = self._stream.encode(frame)
        self.frames += len(packets)
        for packet in packets:
            self.on_packet(packet)
            self._mux(packet)

    def _mux(self, packet: Packet[Any]) -> None:
        self._container.mux_one(packet)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Say of what fails in here which file it is, and after how many frames.

        Raises:
            VideoError: In the place of FFmpeg's errors.
        """
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f"cannot write {self._named} after frame {self.frames}: {one_line(error)}"
            ) from error

    def _add_streams(self, reader: Reader, options: StreamOptions, plan: Plan) -> av.VideoStream:
        """Add all streams in the source's order, so that track numbers stay if they can."""
        encoded = None
        slowdown = self._timing.slowdown
        for source, planned in zip(reader.container.streams, plan.tracks, strict=True):
            match planned.action:
                case Action.RESTORE:
                    encoded = self._add_picture(source, reader, options)
                case Action.COPY:
                    self._others.copy(source, planned.becomes or None)
                case Action.CONVERT:
                    self._others.convert(source, planned.becomes, planned.bit_rate)
        assert encoded is not None
        metadata = container_metadata(reader.container.metadata, plan.container)
        self._container.metadata.update(with_comment(metadata, options.settings))
        self._container.set_chapters(
            [
                {**chapter, "start": chapter["start"] * slowdown, "end": chapter["end"] * slowdown}
                for chapter in reader.chapters()
            ]
        )
        return encoded

    def _add_picture(
        self, source: Stream, reader: Reader, options: StreamOptions
    ) -> av.VideoStream:
        facts = self._timing.target_facts(reader.facts)
        self._unit = facts.time_base
        self._time_base = target_unit(facts, self._container.format.name, options.codec)
        encoded = add_encoder(
            self._container,
            replace(facts, time_base=self._time_base),
            options,
            reader.working_format,
        )
        copy_description(source, encoded)
        for key in list(encoded.metadata):
            if key.lower() == ALPHA_TAG:
                del encoded.metadata[key]
        if has_alpha(reader.working_format) and options.codec.startswith("libvpx"):
            encoded.metadata[ALPHA_TAG] = "1"
        tag_hevc(self._container, encoded)
        return encoded

    def _grid(self, shown: Shown) -> Shown:
        """A time in units of the target, where those are coarser than the source's."""
        if self._unit == self._time_base:
            return shown
        scale = self._unit / self._time_base
        start = self._rising.after_last(int(shown.pts * scale + _EARLY))
        return Shown(start, max(1, round(shown.duration * scale)))

    def _start(self, options: StreamOptions) -> None:
        try:
            self._container.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._start_failure(options.codec, error) from error
        unknown = self._stream.codec_context.options
        if unknown:
            raise VideoError(
                f"the encoder {options.codec} has no option {next(iter(unknown))!r}; "
                f"see ffmpeg -h encoder={options.codec}"
            )

    def _start_failure(self, codec: str, error: BaseException) -> VideoError:
        stream, container = self._stream, self._container.format.name
        if stream.codec_context.is_open:
            return VideoError(f"cannot write {self._named} as {container}: {one_line(error)}")
        needs = " (it needs an NVIDIA GPU and its driver)" if codec.endswith("_nvenc") else ""
        return VideoError(
            f"the encoder {codec}{needs} does not start with pixel format {stream.pix_fmt}, "
            f"{stream.width}x{stream.height}: {one_line(error)}; check the preset and options, or "
            "use another encoder"
        )
