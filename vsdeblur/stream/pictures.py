"""Decodes the picture track: frames in the order in which they are shown, past what is damaged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction

import av
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags, ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from .account import Account
from .events import Change, Event, Gap, GapReason, Picture
from .facts import as_fraction, frame_rate, has_clock_jumps, seconds_a_unit
from .formats import plain_name
from .timeline import Rising, Slots
from .tracks import ALPHA_TAG

__all__ = ["PictureReader", "counts_places"]

_DECODING_TIMES_ONLY = frozenset({"avi"})
"""Containers that know in what order frames are decoded, but not when they are shown."""

log = logging.getLogger("vsdeblur")


_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that see alpha, which FFmpeg's own do not."""


def _decoder_of(stream: av.VideoStream) -> av.VideoCodecContext:
    """The decoder of a track, one that sees alpha where there is some."""
    context = stream.codec_context
    name = _ALPHA_DECODERS.get(context.codec.canonical_name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or tags.get(ALPHA_TAG) != "1":
        return context
    try:
        decoder = av.CodecContext.create(name, "r")
    except UnknownCodecError:
        return context
    assert isinstance(decoder, av.VideoCodecContext)
    return decoder


def counts_places(stream: av.VideoStream) -> bool:
    """Whether frames have no times but take the places of their packets; see `Slots`."""
    return stream.container.format.name in _DECODING_TIMES_ONLY


class PictureReader:
    """Turns packets of the picture track into pictures with rising times.

    Args:
        stream: The track.
        unit: Seconds a unit of the times that frames get.
        rising: The times given out so far; of files that are joined, by all of them.
        account: What is told of packets and damage.
        live: Whether a frame is wanted as soon as it can be had, at the price of speed.
    """

    def __init__(
        self,
        stream: av.VideoStream,
        unit: Fraction,
        rising: Rising,
        account: Account,
        *,
        live: bool = False,
    ) -> None:
        self._stream = stream
        self._unit = unit
        self._rising = rising
        self._account = account
        self.step = max(1, round(1 / (frame_rate(stream) * unit)))
        """How long a frame lasts, nominally, in units."""
        self._shape: tuple[int, int, str, Fraction] | None = None
        self._pixel_shape = Fraction(0)
        source = stream.container
        self._follows_pixels = isinstance(source, InputContainer) and has_clock_jumps(source)
        self._slots = None
        context = self._decoder = _decoder_of(stream)
        # Threads that decode a frame each give the first one when the last has begun.
        context.thread_type = ThreadType.SLICE if live else ThreadType.AUTO
        context.flags |= Flags.output_corrupt  # what is concealed is better than a hole
        if counts_places(stream):
            self._slots = Slots()
            context.copy_opaque = True

    def decode(self, packet: Packet[Stream]) -> Iterator[Event]:
        """Yield what a packet gives: pictures, changes, or a gap."""
        own_unit = seconds_a_unit(self._stream)
        if packet.is_discard:
            self._account.note_discarded()
        else:
            times = packet.pts if self._slots is None else None
            self._account.note_packet(None if times is None else times * own_unit)
        if self._slots is not None and packet.dts is not None:
            self._slots.add(packet.dts)
            packet.opaque = packet.dts
        yield from self._decoded(packet)

    def forget(self) -> None:
        """What follows does not continue what came: a key frame comes next."""
        self._decoder.flush_buffers()

    def flush(self) -> Iterator[Event]:
        """Yield what the decoder still holds at the end."""
        yield from self._decoded(None)

    def _decoded(self, packet: Packet[Stream] | None) -> Iterator[Event]:
        try:
            frames = self._decoder.decode(packet)
        except (av.FFmpegError, ValueError):
            yield Gap(reason=GapReason.UNDECODABLE, time=self._now())
            return
        for frame in frames:
            self._stamp(frame)
            self._follow_pixels(frame)
            yield from self._change(frame)
            yield Picture(
                frame,
                (frame.pts or 0) * self._unit,
                concealed=frame.is_corrupt,
                pixel_shape=self._pixel_shape,
            )

    def _follow_pixels(self, frame: av.VideoFrame) -> None:
        """Where broadcasts change from 4:3 to 16:9, only the shape of their pixels changes.

        The decoder knows it some frames before it gives out the first one; that is a key frame.
        Files say it once, for all their frames.
        """
        if frame.key_frame and self._follows_pixels:
            shape = as_fraction(self._decoder.sample_aspect_ratio)
            self._pixel_shape = shape or self._pixel_shape

    def _now(self) -> Fraction:
        """When the next frame is due."""
        last = self._rising.last
        return Fraction(0) if last is None else (last + self.step) * self._unit

    def _change(self, frame: av.VideoFrame) -> Iterator[Change]:
        """Tell where the size or the format is another than before."""
        shape = (
            frame.width, frame.height, plain_name(frame.format.name), self._pixel_shape
        )  # fmt: skip
        if self._shape is not None and shape != self._shape:
            pixels = shape[-1] != self._shape[-1]
            before, after = (_described(each, pixels=pixels) for each in (self._shape, shape))
            yield Change(
                what="picture", before=before, after=after, time=(frame.pts or 0) * self._unit
            )
        self._shape = shape

    def _stamp(self, frame: av.VideoFrame) -> None:
        """Give a frame a time later than the last one's, in units of the target's facts."""
        scale = seconds_a_unit(self._stream) / self._unit
        time = frame.pts if frame.pts is not None else frame.dts
        if self._slots is not None and isinstance(frame.opaque, int):
            time = self._slots.take(frame.opaque, key_frame=frame.key_frame)
        last = self._rising.last
        following = 0 if last is None else last + self.step
        frame.pts = self._rising.after_last(following if time is None else round(time * scale))
        frame.duration = round(frame.duration * scale) or self.step
        frame.time_base = self._unit
        frame.opaque = None


def _described(shape: tuple[int, int, str, Fraction], *, pixels: bool) -> str:
    width, height, name, of_pixel = shape
    ratio = f" with pixels of {of_pixel.numerator}:{of_pixel.denominator}" if pixels else ""
    return f"{width}x{height} {name}{ratio}"
