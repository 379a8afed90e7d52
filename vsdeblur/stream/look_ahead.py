"""Finds the first packets of each track, and gives out all that was read meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from .packets import copy_of, is_sparse

__all__ = ["look_ahead"]

_MOST_PACKETS, _MOST_BYTES = 600, 32 << 20
"""How far the beginning is searched for a packet of each track."""
_SAMPLES = 3
"""Packets of each track to try the target with."""


def look_ahead(
    packets: Iterator[Packet[Stream]],
    container: InputContainer,
    picture: int,
    samples: dict[int, list[Packet[Stream]]],
) -> Iterator[Packet[Stream]]:
    """Yield all packets, once copies of the first ones of each other track are found.

    Args:
        packets: What comes.
        container: Of what.
        picture: Index of its picture track.
        samples: The copies, by the track's index; they are put in here.
    """
    wanted = {
        stream.index
        for stream in container.streams
        if stream.index != picture and not is_sparse(stream)
    }
    read: list[Packet[Stream]] = []
    size = 0
    for packet in packets:
        read.append(packet)
        size += packet.size
        if packet.stream.index != picture:
            of_track = samples.setdefault(packet.stream.index, [])
            if len(of_track) < _SAMPLES:
                of_track.append(copy_of(packet))
            else:
                wanted.discard(packet.stream.index)
        if not wanted or len(read) >= _MOST_PACKETS or size >= _MOST_BYTES:
            break
    yield from read
    del read
    yield from packets
