"""Tracks that are encoded anew: what a container does not hold as it is, and stretched sound."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from .audio import EncodedAudio

__all__ = ["TRIAL_LINE", "Conversion", "EncodedSubtitles", "add_conversion"]

TRIAL_LINE = b"0,0,Default,,0,0,0,,trial"
"""A line of subtitles as decoders give it."""


class Conversion(Protocol):
    """A track of the target that a track of the source becomes."""

    @property
    def stream(self) -> Stream:
        """The track in the target."""
        ...

    def write(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """Convert what a packet of the source holds; None = the source has ended.

        Yields:
            Packets of the target.
        """
        ...

    def trial_packets(self) -> Iterator[Packet[Any]]:
        """Packets of silence, or of a line, to try the target with; nothing follows them."""
        ...


def add_conversion(
    container: OutputContainer,
    source: Stream,
    codec: str,
    slowdown: int = 1,
    bit_rate: int | None = None,
) -> Conversion:
    """Add the track that a track of the source becomes.

    Args:
        container: The target.
        source: Sound or text.
        codec: FFmpeg's name of the encoder.
        slowdown: How many times longer sound gets.
        bit_rate: Bits a second of sound; None = as is usual.

    Raises:
        ValueError: The container does not take it.
        FFmpegError: The encoder does not.
    """
    if isinstance(source, av.AudioStream):
        return EncodedAudio.add(container, source, codec, slowdown, bit_rate)
    assert isinstance(source, SubtitleStream)
    return EncodedSubtitles(container, source, codec)


class EncodedSubtitles:
    """Text subtitles in another form; their words, line breaks and italics stay.

    Args:
        container: The target.
        source: The track to convert; its decoder gives text.
        codec: FFmpeg's name of the encoder.
    """

    def __init__(self, container: OutputContainer, source: SubtitleStream, codec: str) -> None:
        self._source = source
        target = container.add_stream(codec)
        assert isinstance(target, SubtitleStream)
        self._target = target
        self._context = target.codec_context
        assert isinstance(self._context, SubtitleCodecContext)
        assert isinstance(source.codec_context, SubtitleCodecContext)
        source.codec_context.open(strict=False)
        self._context.subtitle_header = source.codec_context.subtitle_header

    @property
    def stream(self) -> Stream:
        """The track in the target."""
        return self._target

    def write(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """See `Conversion.write`."""
        if packet is None:
            return
        try:
            events = self._source.decode(packet)
        except (av.FFmpegError, ValueError):
            return
        for event in events:
            if isinstance(event, AssSubtitle):
                yield self._encoded(event.ass, packet)

    def trial_packets(self) -> Iterator[Packet[Any]]:
        """See `Conversion.trial_packets`."""
        shown: Packet[Any] = Packet()
        shown.pts, shown.duration, shown.time_base = 0, 1000, Fraction(1, 1000)
        yield self._encoded(TRIAL_LINE, shown)

    def _encoded(self, line: bytes, shown: Packet[Any]) -> Packet[Any]:
        """A line as a packet, shown as another packet is."""
        milliseconds = round((shown.duration or 0) * float(shown.time_base) * 1000)
        encoded = self._context.encode_subtitle(SubtitleSet.create(line, 0, milliseconds))
        encoded.pts = encoded.dts = shown.pts
        encoded.duration, encoded.time_base = shown.duration, shown.time_base
        encoded.stream = self._target
        return encoded
