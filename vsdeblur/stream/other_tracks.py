"""All tracks of the target but the pictures: copied as they are, or converted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from .conversion import Conversion, add_conversion
from .tracks import copy_description, copy_track

__all__ = ["OtherTracks"]

_EQUAL_TIMES = 0x20000
"""FFmpeg's flag of a format in which packets of a track may have equal times."""


class OtherTracks:
    """Turns packets of the source into those of the target.

    Args:
        container: The target.
        slowdown: How many times longer it gets.
    """

    def __init__(self, container: OutputContainer, slowdown: int) -> None:
        self._container = container
        self._slowdown = slowdown
        self._copies: dict[int, Stream] = {}
        self._conversions: dict[int, Conversion] = {}
        self._last_dts: dict[int, int] = {}
        # Short packets share a time where those are coarse: moved up, they would run away.
        self._least_step = 0 if container.format.flags & _EQUAL_TIMES else 1

    def copy(self, source: Stream, layout: str | None = None) -> None:
        """Add a track of the source as it is, or with other places of its channels."""
        self._copies[source.index] = copy_track(self._container, source, layout)

    def convert(self, source: Stream, encoder: str, bit_rate: int | None = None) -> None:
        """Add a track that an encoder makes of the source's."""
        conversion = add_conversion(self._container, source, encoder, self._slowdown, bit_rate)
        copy_description(source, conversion.stream)
        self._conversions[source.index] = conversion

    def copied(self, packet: Packet[Stream]) -> Packet[Stream] | None:
        """A packet of a track that is copied, made the target's; None = it is of none."""
        stream = self._copies.get(packet.stream.index)
        if stream is None:
            return None
        self._slow_down(packet)
        packet.rescale_ts(stream.time_base)
        self._keep_order(packet)
        packet.stream = stream
        return packet

    def converted(self, packet: Packet[Stream]) -> Iterator[Packet[Any]]:
        """Yield what a packet becomes if its track is converted."""
        conversion = self._conversions.get(packet.stream.index)
        if conversion is not None:
            yield from conversion.write(packet)

    def rest(self) -> Iterator[Packet[Any]]:
        """Yield what encoders hold at the end of the source."""
        for conversion in self._conversions.values():
            yield from conversion.write(None)

    def _slow_down(self, packet: Packet[Stream]) -> None:
        packet.pts = None if packet.pts is None else packet.pts * self._slowdown
        packet.dts = None if packet.dts is None else packet.dts * self._slowdown
        packet.duration = (packet.duration or 0) * self._slowdown

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
