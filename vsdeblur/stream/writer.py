"""Writes a video file: encodes the picture track, copies what else the source has."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import av
import numpy as np
from av.container import OutputContainer
from av.format import ContainerFormat
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType
from numpy.typing import NDArray

from ..errors import VideoError
from .conversion import Conversion, add_conversion
from .encoder import add_encoder
from .formats import has_alpha, replace_planes
from .grid import target_unit
from .plan import Action, Plan
from .reader import Reader, one_line
from .settings import StreamOptions
from .settings_tag import with_comment
from .timeline import Rising
from .timing import Shown, Timing
from .tracks import ALPHA_TAG, content_metadata, copy_description, copy_track, tag_hevc

__all__ = ["Writer", "container_of"]

_CONTAINER_ALIASES = {"mkv": "matroska", "m4v": "mp4", "ts": "mpegts", "y4m": "yuv4mpegpipe"}
_MP4_FAMILY = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "ismv"})
_EQUAL_TIMES = 0x20000
"""FFmpeg's flag of a format in which packets of a track may have equal times."""
_EARLY = Fraction(2, 5)
"""Frames by which one may be early: a start between two frames goes to the first."""
_PHONE_KEYS = ("com.apple.quicktime.", "com.android.capture.")
"""Metadata that MP4 and MOV keep only if asked to (place, lens, true frame rate)."""


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
        self._named = named
        self._timing = timing
        self._copies: dict[int, Stream] = {}
        self._conversions: dict[int, Conversion] = {}
        self._last_dts: dict[int, int] = {}
        self._rising = Rising()
        # Short packets share a time where those are coarse: moved up, they would run away.
        loose = ContainerFormat(plan.container, "w").flags & _EQUAL_TIMES
        self._least_step = 0 if loose else 1
        self._container = _open(file, reader, plan, named)
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
        self._encode(frame)

    def write_packet(self, packet: Packet[Stream]) -> None:
        """Copy a packet of another stream, or convert it, as the plan says.

        Raises:
            VideoError: The file system refuses.
        """
        conversion = self._conversions.get(packet.stream.index)
        if conversion is not None:
            self._mux_converted(conversion, packet)
        stream = self._copies.get(packet.stream.index)
        if stream is None:
            return
        self._slow_down(packet)
        packet.rescale_ts(stream.time_base)
        self._keep_order(packet)
        packet.stream = stream
        try:
            self._container.mux_one(packet)
        except av.InvalidDataError:
            self.refused += 1
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error

    def finish(self) -> None:
        """Flush the encoder and complete the file.

        Raises:
            VideoError: The encoder or the file system refuses.
        """
        for conversion in self._conversions.values():
            self._mux_converted(conversion, None)
        self._encode(None)
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            packets = self._stream.encode(frame)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error
        self.frames += len(packets)
        for packet in packets:
            self._mux(packet)

    def _mux(self, packet: Packet[Any]) -> None:
        try:
            self._container.mux_one(packet)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error

    def _mux_converted(self, conversion: Conversion, packet: Packet[Any] | None) -> None:
        try:
            packets = list(conversion.write(packet))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error
        for encoded in packets:
            self._mux(encoded)

    def _slow_down(self, packet: Packet[Stream]) -> None:
        slowdown = self._timing.slowdown
        packet.pts = None if packet.pts is None else packet.pts * slowdown
        packet.dts = None if packet.dts is None else packet.dts * slowdown
        packet.duration = (packet.duration or 0) * slowdown

    def _failure(self, error: BaseException) -> VideoError:
        return VideoError(
            f"cannot write {self._named} after frame {self.frames}: {one_line(error)}"
        )

    def _keep_order(self, packet: Packet[Stream]) -> None:
        """Give a packet times that follow the last one's; muxers refuse others."""
        index = packet.stream.index
        next_dts = self._last_dts.get(index, -self._least_step) + self._least_step
        if packet.dts is None:  # cover art has no times at all
            packet.dts = next_dts if packet.pts is None else packet.pts
        if index in self._last_dts:
            packet.dts = max(packet.dts, next_dts)
        if packet.pts is None or packet.pts < packet.dts:
            packet.pts = packet.dts
        self._last_dts[index] = packet.dts

    def _add_streams(self, reader: Reader, options: StreamOptions, plan: Plan) -> av.VideoStream:
        """Add all streams in the source's order, so that track numbers stay if they can."""
        encoded = None
        slowdown = self._timing.slowdown
        for source, planned in zip(reader.container.streams, plan.tracks, strict=True):
            match planned.action:
                case Action.RESTORE:
                    encoded = self._add_picture(source, reader, options)
                case Action.COPY:
                    self._copies[source.index] = copy_track(
                        self._container, source, planned.becomes or None
                    )
                case Action.CONVERT:
                    conversion = add_conversion(self._container, source, planned.becomes, slowdown)
                    copy_description(source, conversion.stream)
                    self._conversions[source.index] = conversion
        assert encoded is not None
        metadata = content_metadata(reader.container.metadata)
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


def container_of(target: Path | str, name: str | None) -> str:
    """FFmpeg's name of the format that a target gets.

    Args:
        target: The target, whose suffix says it.
        name: The name asked for; None = by the suffix.

    Raises:
        VideoError: There is none of that name or suffix.
    """
    suffix = Path(target).suffix
    try:
        if name:
            known = av.ContainerFormat(_CONTAINER_ALIASES.get(name, name), "w")
            return known.name
        with av.open(f"target{suffix}", "w") as container:  # nothing is written yet
            return container.format.name
    except (av.FFmpegError, OSError, ValueError) as error:
        what = f"container {name!r}" if name else f"suffix {suffix!r}"
        raise VideoError(
            f"no container for {target}: {what} is unknown; use .mkv, .mp4, .mov or .webm"
        ) from error


def _open(file: Path | IO[bytes], reader: Reader, plan: Plan, named: Path | str) -> OutputContainer:
    options = {}
    if plan.container == "avi":  # sound before 0 would move the pictures by a whole frame
        options["avoid_negative_ts"] = "disabled"
    if plan.container in _MP4_FAMILY:
        # Moving the index to the front needs a file that can be read again.
        flags = ["+faststart"] if isinstance(file, Path) else []
        if any(key.startswith(_PHONE_KEYS) for key in reader.container.metadata):
            flags.append("+use_metadata_tags")
        if flags:
            options["movflags"] = "".join(flags)
    try:
        return av.open(
            str(file) if isinstance(file, Path) else file,
            "w",
            format=plan.container,
            container_options=options,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"cannot write {named} as {plan.container}: {one_line(error)}") from error
