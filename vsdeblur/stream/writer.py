"""Writes a video file: encodes the picture track, copies what else the source has."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType
from numpy.typing import NDArray

from ..errors import VideoError
from .audio import StretchedAudio
from .encoder import add_encoder
from .formats import replace_planes
from .reader import Reader, one_line
from .settings import StreamOptions
from .settings_tag import with_comment
from .timing import Shown, Timing
from .tracks import content_metadata, copy_description, fits, tag_hevc, warn_left_out

__all__ = ["Writer"]

_CONTAINER_ALIASES = {"mkv": "matroska", "m4v": "mp4"}
_PHONE_KEYS = ("com.apple.quicktime.", "com.android.capture.")
"""Metadata that MP4 and MOV keep only if asked to (place, lens, true frame rate)."""


class Writer:
    """An open output file. Use it in a `with` statement; without `finish` it is left unplayable."""

    def __init__(
        self, path: Path, reader: Reader, options: StreamOptions, timing: Timing, *, named: Path
    ) -> None:
        """Open a file and write its header.

        Args:
            path: The file to write.
            reader: The source, whose other streams are copied.
            options: How to encode.
            timing: How the source's times become the target's.
            named: The file's name in messages.

        Raises:
            VideoError: The file cannot be written, or not with this codec in this container.
        """
        self.frames = 0
        """Frames the encoder has given back."""
        self._named = named
        self._timing = timing
        self._time_base = timing.target_facts(reader.facts).time_base
        self._copies: dict[int, Stream] = {}
        self._stretched: dict[int, StretchedAudio] = {}
        self._last_dts: dict[int, int] = {}
        self._container = _open(path, reader, options, named)
        try:
            self._stream = self._add_streams(reader, options)
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
        frame.pts, frame.duration = shown
        frame.time_base = self._time_base
        self._encode(frame)

    def write_packet(self, packet: Packet[Stream]) -> None:
        """Copy a packet of another stream, or stretch it, if the container takes that stream.

        Raises:
            VideoError: The file system refuses.
        """
        stretched = self._stretched.get(packet.stream.index)
        if stretched is not None:
            self._mux_stretched(stretched, packet)
        stream = self._copies.get(packet.stream.index)
        if stream is None:
            return
        self._slow_down(packet)
        self._keep_order(packet)
        packet.stream = stream
        self._mux(packet)

    def finish(self) -> None:
        """Flush the encoder and complete the file.

        Raises:
            VideoError: The encoder or the file system refuses.
        """
        for stretched in self._stretched.values():
            self._mux_stretched(stretched, None)
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

    def _mux_stretched(self, audio: StretchedAudio, packet: Packet[Any] | None) -> None:
        try:
            packets = list(audio.write(packet))
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
        next_dts = self._last_dts.get(index, -1) + 1
        if packet.dts is None:  # cover art has no times at all
            packet.dts = next_dts if packet.pts is None else packet.pts
        if index in self._last_dts:
            packet.dts = max(packet.dts, next_dts)
        if packet.pts is None or packet.pts < packet.dts:
            packet.pts = packet.dts
        self._last_dts[index] = packet.dts

    def _add_streams(self, reader: Reader, options: StreamOptions) -> av.VideoStream:
        """Add all streams in the source's order, so that track numbers stay if they can."""
        encoded = None
        slowdown = self._timing.slowdown
        for source in reader.container.streams:
            if source.index == reader.stream.index:
                facts = self._timing.target_facts(reader.facts)
                encoded = add_encoder(self._container, facts, options, reader.working_format)
                copy_description(source, encoded)
                tag_hevc(self._container, encoded)
            elif source.type == "audio" and self._timing.slowdown > 1:
                self._stretch(source, options)
            elif fits(source, self._container.format.name):
                copy = self._container.add_stream_from_template(source, opaque=True)
                copy_description(source, copy)
                tag_hevc(self._container, copy)
                self._copies[source.index] = copy
            else:
                warn_left_out(source, self._container)
        assert encoded is not None
        metadata = content_metadata(reader.container.metadata)
        self._container.metadata.update(with_comment(metadata, options.settings))
        self._container.set_chapters(
            [
                {**chapter, "start": chapter["start"] * slowdown, "end": chapter["end"] * slowdown}
                for chapter in reader.container.chapters()
            ]
        )
        return encoded

    def _stretch(self, source: Stream, options: StreamOptions) -> None:
        """Add the track that an audio track becomes in slow motion, if it is wanted."""
        if not options.stretch_audio:
            return
        assert isinstance(source, av.AudioStream)
        stretched = StretchedAudio.add(self._container, source, self._timing.slowdown)
        if stretched is None:
            warn_left_out(source, self._container)
        else:
            copy_description(source, stretched.stream)
            self._stretched[source.index] = stretched

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


def _open(path: Path, reader: Reader, options: StreamOptions, named: Path) -> OutputContainer:
    name = options.container
    movflags = "+faststart"
    if any(key.startswith(_PHONE_KEYS) for key in reader.container.metadata):
        movflags += "+use_metadata_tags"
    try:
        return av.open(
            str(path),
            "w",
            format=_CONTAINER_ALIASES.get(name, name) if name else None,
            container_options={"movflags": movflags},
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        what = f"container {name!r}" if name else f"suffix {named.suffix!r}"
        raise VideoError(
            f"no container for {named}: {what} is unknown; use .mkv, .mp4, .mov or .webm"
        ) from error
