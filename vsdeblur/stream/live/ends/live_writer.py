"""One connection to an output: what is given to it leaves at once, in the order of its times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from threading import Event
from typing import Any

import av
from av.packet import Packet
from av.stream import Stream

from ....errors import VideoError
from ...audio import EncodedAudio
from ...conversion import Conversion, add_conversion
from ...facts import seconds_a_unit
from ...plan import Action
from ...source import one_line
from ...tracks import copy_description, copy_track
from ..clock import Clock
from ..coder import CodedPicture
from ..connection import UNIT
from ..form import Form
from ..job import Beside
from .target import LiveTarget

__all__ = ["LiveWriter"]

_FAILURES = (av.FFmpegError, OSError, ValueError)


class LiveWriter:
    """An open output.

    Args:
        target: What it is.
        form: What the stream is made of.
        codec: FFmpeg's name of the pictures' codec.
        bit_rate: Bits a second, about.
        clock: The run's.
        stop: Calls off what waits for the other end.

    Raises:
        VideoError: It cannot be opened.
    """

    def __init__(
        self,
        target: LiveTarget,
        form: Form,
        codec: str,
        bit_rate: int,
        clock: Clock,
        stop: Event,
    ) -> None:
        self._shown = target.shown
        self._copies: dict[int, Stream] = {}
        self._conversions: dict[int, Conversion] = {}
        self._last_dts: dict[int, int] = {}
        self._container, self._pipe = target.open(bit_rate, clock, stop)
        try:
            self._add_tracks(form, target.container, codec)
        except _FAILURES as error:
            self.close()
            raise VideoError(f"{target.container} cannot hold this: {one_line(error)}") from error

    @property
    def single(self) -> bool:
        """Whether it has pictures and nothing else."""
        return not self._copies and not self._conversions

    def write_picture(self, coded: CodedPicture) -> Fraction:
        """Send a packet of pictures; returns when it is shown, as sent, in seconds.

        The first one must be a key frame: the connection is made with it.

        Raises:
            VideoError: The other end does not take it.
        """
        packet: Packet[Any] = Packet(coded.data)
        packet.pts, packet.dts, packet.duration = coded.pts, coded.dts, coded.duration
        packet.time_base = UNIT
        packet.is_keyframe = coded.key
        packet.stream = self._picture
        self._mux(packet)
        return (packet.pts or 0) * seconds_a_unit(self._picture)

    def write_beside(self, beside: Beside) -> Iterator[tuple[Fraction, int]]:
        """Send a packet of another track.

        Yields:
            When what was sent is heard or read, in seconds, and how many bytes it has.

        Raises:
            VideoError: The other end does not take it.
        """
        conversion = self._conversions.get(beside.place)
        copy = self._copies.get(beside.place)
        packet = _copy(beside.packet.packet)
        if conversion is not None:
            try:
                packets = list(conversion.write(packet))
            except _FAILURES as error:
                raise self._failure(error) from error
            for each in packets:
                yield from self._sent(each)
        elif copy is not None:
            packet.stream = copy
            packet.rescale_ts(copy.time_base)
            yield from self._sent(packet)

    def is_copied(self, beside: Beside) -> bool:
        """Whether packets of a track are sent as they came, one for each."""
        return beside.place in self._copies

    def close(self) -> None:
        """Say good-bye to the other end, if it still listens; a file plays up to here."""
        with suppress(*_FAILURES):
            self._container.close()
        if self._pipe is not None:
            self._pipe.close()

    def _sent(self, packet: Packet[Any]) -> Iterator[tuple[Fraction, int]]:
        """Send a packet, unless it comes before what was sent."""
        stream = packet.stream
        if packet.dts is None:
            packet.dts = packet.pts
        last = self._last_dts.get(stream.index)
        if packet.dts is None or (last is not None and packet.dts <= last):
            return
        self._last_dts[stream.index] = packet.dts
        size = packet.size
        self._mux(packet)
        if packet.pts is not None:
            yield packet.pts * seconds_a_unit(stream), size

    def _mux(self, packet: Packet[Any]) -> None:
        try:
            self._container.mux_one(packet)
        except _FAILURES as error:
            raise self._failure(error) from error

    def _failure(self, error: BaseException) -> VideoError:
        if isinstance(error, av.ExitError):
            return VideoError("it does not answer")
        return VideoError(one_line(error))

    def _add_tracks(self, form: Form, container: str, codec: str) -> None:
        facts, plan = form.facts, form.plans[container]
        self._picture = self._container.add_mux_stream(
            codec, rate=facts.frame_rate, width=facts.width, height=facts.height
        )
        self._picture.time_base = UNIT
        for index, track in form.tracks.items():
            planned = plan.of(index)
            if planned.action is Action.COPY:
                layout = planned.becomes or None
                self._copies[index] = copy_track(self._container, track, layout)
            elif planned.action is Action.CONVERT:
                self._conversions[index] = self._converted(track, planned.becomes)

    def _converted(self, track: Stream, encoder: str) -> Conversion:
        conversion: Conversion
        if isinstance(track, av.AudioStream):
            conversion = EncodedAudio.add(self._container, track, encoder, live=True)
        else:
            conversion = add_conversion(self._container, track, encoder)
        copy_description(track, conversion.stream)
        return conversion


def _copy(packet: Packet[Stream]) -> Packet[Stream]:
    """A packet with the same content and times, and no stream: each output needs its own."""
    copy: Packet[Stream] = Packet(bytes(packet))
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
    for side_data in packet.iter_sidedata():
        copy.set_sidedata(side_data)
    return copy
