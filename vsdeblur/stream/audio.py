"""Encodes sound again: in a codec that the target holds, or longer at its own pitch."""

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

__all__ = ["ENCODERS", "FALLBACKS", "EncodedAudio", "encoders_for", "named_layout"]

ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}
"""Codecs whose own name is not that of their best encoder."""
FALLBACKS = ("aac", "libopus", "flac", "mp2")
"""Encoders whose sound some container or other takes."""
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""Usual places of so many channels, where a file does not name them."""
_RATES = (48_000, 44_100)
"""Sample rates that every encoder takes."""
_MOST_BITS = 128_000
"""Bits a second of a channel that are enough for any codec."""
_LEAP_SECONDS = 0.1
"""A pause in the sound from which it is kept as a pause."""
_OFF_SECONDS = 0.01
"""By how much live sound may be early or late."""


def named_layout(layout: av.AudioLayout) -> str:
    """The channels' places, those that are usual where the source does not name them."""
    count = layout.nb_channels
    unnamed = layout.name.endswith(("channels", "channel")) or not layout.name
    return _LAYOUTS.get(count, layout.name) if unnamed else layout.name


def encoders_for(source: AudioStream) -> list[str]:
    """Encoders that a track may be encoded with, the one of its own codec first."""
    own = source.codec_context.codec.canonical_name
    return list(dict.fromkeys((ENCODERS.get(own, own), *FALLBACKS)))


class EncodedAudio:
    """An audio track of the target: the source's, decoded and encoded again, stretched if wanted.

    Args:
        source: The track to encode.
        target: The track it becomes, from `add`.
        slowdown: How many times longer it gets.
        live: Whether it keeps its own time closely, at the price of a click: for hours.
    """

    def __init__(
        self,
        source: AudioStream,
        target: AudioStream,
        slowdown: int,
        *,
        live: bool = False,
    ) -> None:
        self._live = live
        self._source = source
        self._target = target
        self._slowdown = slowdown
        self._graph: av.filter.Graph | None = None
        self._kind: tuple[int, str, str] | None = None
        self._next_sample = 0

    @classmethod
    def add(
        cls,
        container: OutputContainer,
        source: AudioStream,
        encoder: str,
        slowdown: int = 1,
        wanted_bit_rate: int | None = None,
        *,
        live: bool = False,
    ) -> EncodedAudio:
        """Add a track to a container.

        Args:
            container: The target.
            source: The track to encode.
            encoder: FFmpeg's name of the encoder.
            slowdown: How many times longer it gets.
            wanted_bit_rate: Bits a second; None = as the source has, as far as that is of use.
            live: See the class.

        Raises:
            ValueError: The container does not take the codec, or the encoder not the sound.
        """
        rate = _starting_rate(encoder, source)
        if rate is None:
            raise ValueError(f"{encoder} does not take this sound")
        target = container.add_stream(encoder, rate=rate)
        assert isinstance(target, AudioStream)
        target.codec_context.layout = named_layout(source.codec_context.layout)
        own, bit_rate = source.codec_context.codec.canonical_name, source.codec_context.bit_rate
        if wanted_bit_rate is not None:
            target.codec_context.bit_rate = wanted_bit_rate
        elif bit_rate and not own.startswith("pcm_"):
            is_same = target.codec_context.codec.canonical_name == own
            most = _MOST_BITS * source.codec_context.layout.nb_channels
            target.codec_context.bit_rate = bit_rate if is_same else min(bit_rate, most)
        return cls(source, target, slowdown, live=live)

    @property
    def stream(self) -> AudioStream:
        """The track in the target."""
        return self._target

    def write(self, packet: Packet[Any] | None) -> Iterator[Packet[AudioStream]]:
        """Encode what a packet of the source holds; None = the source has ended.

        Yields:
            Packets of the target.
        """
        if packet is None and self._graph is None:
            return  # the decoder has seen nothing, and may still be asked
        try:
            decoded = self._source.decode(packet)
        except (av.FFmpegError, ValueError):
            decoded = []
        for frame in decoded:
            kind = (frame.sample_rate, frame.format.name, frame.layout.name)
            if self._graph is None or kind != self._kind:
                yield from self._ended()
                self._graph, self._kind = self._started(frame), kind
                self._keep_time(frame)
            elif self._slowdown == 1:
                if self._live and self._early(frame) < -_OFF_SECONDS:
                    continue  # it was heard, or what was heard took longer than it said
                self._keep_time(frame)
            self._graph.push(frame)
            yield from self._encoded()
        if packet is None and self._graph is not None:
            yield from self._ended()
            yield from self._target.encode(None)

    def trial_packets(self) -> Iterator[Packet[AudioStream]]:
        """See `Conversion.trial_packets`."""
        context = self._target.codec_context
        silence = av.AudioFrame(context.format.name, context.layout.name, context.sample_rate // 4)
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        silence.sample_rate, silence.pts = context.sample_rate, 0
        silence.time_base = Fraction(1, context.sample_rate)
        yield from self._target.encode(silence)
        yield from self._target.encode(None)

    def _started(self, first: av.AudioFrame) -> av.filter.Graph:
        """The filters between decoder and encoder."""
        graph = av.filter.Graph()
        buffer = graph.add_abuffer(
            sample_rate=first.sample_rate,
            format=first.format.name,
            layout=first.layout.name,
            time_base=Fraction(1, first.sample_rate),
        )
        stages = ceil(log2(self._slowdown))  # one filter may halve the tempo at most
        tempo = f"{self._slowdown ** (-1 / max(1, stages)):.9f}"
        tempos = [graph.add("atempo", tempo) for _ in range(stages)]
        context = self._target.codec_context
        made = graph.add(
            "aformat",
            f"sample_fmts={context.format.name}:sample_rates={context.sample_rate}:"
            f"channel_layouts={context.layout.name}",
        )
        graph.link_nodes(buffer, *tempos, made, graph.add("abuffersink")).configure()
        return graph

    def _keep_time(self, frame: av.AudioFrame) -> None:
        """Go on at a frame's own time if it follows a pause."""
        early = self._early(frame)
        if early > (_OFF_SECONDS if self._live else _LEAP_SECONDS) or not self._next_sample:
            self._next_sample += round(early * self._target.codec_context.sample_rate)

    def _early(self, frame: av.AudioFrame) -> Fraction:
        """Seconds by which a frame would be heard before its time if it followed at once."""
        if frame.pts is None or frame.time_base is None:
            return Fraction(0)
        seconds = frame.pts * Fraction(frame.time_base.numerator, frame.time_base.denominator)
        rate = self._target.codec_context.sample_rate
        return seconds * self._slowdown - Fraction(self._next_sample, rate)

    def _ended(self) -> Iterator[Packet[AudioStream]]:
        """What the filters still hold."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._encoded()

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


def _starting_rate(encoder: str, source: AudioStream) -> int | None:
    """The sample rate with which an encoder takes a track, its own first; None = it does not."""
    for rate in dict.fromkeys((source.codec_context.sample_rate, *_RATES)):
        try:
            context = av.CodecContext.create(encoder, "w")
            assert isinstance(context, av.AudioCodecContext)
            context.sample_rate = rate
            context.layout = named_layout(source.codec_context.layout)
            context.format = (context.codec.audio_formats or [source.codec_context.format])[0]
            context.open()
        except (UnknownCodecError, av.FFmpegError, ValueError):
            continue
        return rate
    return None
