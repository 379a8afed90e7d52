"""Files that continue one another: they have the same tracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from ..errors import VideoError
from .source import named

__all__ = ["check_continues", "in_units_of"]


def check_continues(
    path: Path | str, first: InputContainer, more: Sequence[tuple[Path | str, InputContainer]]
) -> None:
    """Refuse files whose tracks cannot continue the first one's.

    Raises:
        VideoError: One has others.
    """
    wanted = _tracks(first)
    for other, container in more:
        found = _tracks(container)
        if found != wanted:
            raise VideoError(
                f"{named(other)} cannot continue {named(path)}: its tracks are "
                f"{', '.join(found)}, not {', '.join(wanted)}; join recordings of one camera"
            )


def in_units_of(first: InputContainer, packet: Packet[Stream]) -> Packet[Stream]:
    """The packet in the time base of the first file's track."""
    own, of_first = packet.stream, first.streams[packet.stream.index]
    if own.time_base != of_first.time_base:
        packet.rescale_ts(of_first.time_base)
    return packet


def _tracks(container: InputContainer) -> list[str]:
    return [
        f"{stream.type} {stream.codec_context.name if stream.codec_context else ''}".strip()
        for stream in container.streams
    ]
