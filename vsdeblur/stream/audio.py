"""Makes sound last longer at its own pitch, for slow motion."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, log2
from typing import Any

import av
from av.audio.stream import AudioStream
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.packet import Packet

__all__ = ["StretchedAudio"]

_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}
"""Codecs whose own name is not that of their best encoder."""
_FALLBACKS = ("aac", "flac")


class StretchedAudio:
    """An audio track of the target: the source's, decoded, stretched and encoded again.

    Args:
        source: The track to stretch.
        target: The track it becomes, from `add`.
        slowdown: How many times longer it gets.
    """

    def __init__(self, source: AudioStream, target: AudioStream, slowdown: int) -> None:
        self._source = source
        self._target = target
        self._slowdown = slowdown
        self._graph: av.filter.Graph | None = None
        self._next_sample = 0

    @classmethod
    def add(
        cls, container: OutputContainer, source: AudioStream, slowdown: int
    ) -> StretchedAudio | None:
        """Add a track to a container, of the source's codec if it can be encoded; or None."""
        same = source.codec_context.codec.canonical_name
        for name in (_ENCODERS.get(same, same), *_FALLBACKS):
            if not _starts(name, source):
                continue
            try:
                target = container.add_stream(name, rate=source.codec_context.sample_rate)
            except ValueError:  # the container does not take it
                continue
            assert isinstance(target, AudioStream)
            target.codec_context.layout = source.codec_context.layout
            if source.codec_context.bit_rate:
                target.codec_context.bit_rate = source.codec_context.bit_rate
            return cls(source, target, slowdown)
        return None

    @property
    def stream(self) -> AudioStream:
        """The track in the target."""
        return self._target

    def write(self, packet: Packet[Any] | None) -> Iterator[Packet[AudioStream]]:
        """Stretch what a packet of the source holds; None = the source has ended.

        Yields:
            Packets of the target.
        """
        try:
            decoded = self._source.decode(packet)
        except av.InvalidDataError:
            decoded = []
        for frame in decoded:
            if self._graph is None:
                self._graph = self._started(frame)
            self._graph.push(frame)
            yield from self._encoded()
        if packet is None and self._graph is not None:
            self._graph.push(None)
            yield from self._encoded()
            yield from self._target.encode(None)

    def _started(self, first: av.AudioFrame) -> av.filter.Graph:
        """The filters, and the time of the first sample."""
        graph = av.filter.Graph()
        stages = ceil(log2(self._slowdown))  # one filter may halve the tempo at most
        buffer = graph.add_abuffer(
            sample_rate=first.sample_rate,
            format=first.format.name,
            layout=first.layout.name,
            time_base=Fraction(1, first.sample_rate),
        )
        tempo = f"{self._slowdown ** (-1 / stages):.9f}"
        tempos = [graph.add("atempo", tempo) for _ in range(stages)]
        graph.link_nodes(buffer, *tempos, graph.add("abuffersink")).configure()
        if first.pts is not None and first.time_base is not None:
            seconds = first.pts * Fraction(first.time_base.numerator, first.time_base.denominator)
            self._next_sample = round(seconds * self._slowdown * first.sample_rate)
        return graph

    def _encoded(self) -> Iterator[Packet[AudioStream]]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            # The filter counts on from the source's first time, which it does not stretch.
            frame.pts = self._next_sample
            frame.time_base = Fraction(1, frame.sample_rate)
            self._next_sample += frame.samples
            yield from self._target.encode(frame)


def _starts(name: str, source: AudioStream) -> bool:
    """Whether an encoder takes a track's sample rate and layout."""
    try:
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate = source.codec_context.sample_rate
        context.layout = source.codec_context.layout
        context.format = (context.codec.audio_formats or [source.codec_context.format])[0]
        context.open()
    except (UnknownCodecError, av.FFmpegError, ValueError):
        return False
    return True
