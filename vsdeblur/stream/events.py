"""What comes in, in order: one stream of events, whatever it is read from.

A file, several files joined, a pipe and an address all give the same kinds of events; who reads
them need not know where they are from.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

import av
from av.packet import Packet
from av.stream import Stream

__all__ = ["Change", "End", "Event", "Gap", "GapReason", "Picture", "TrackPacket"]


class GapReason(Enum):
    """Why something is missing."""

    UNDECODABLE = "could not be decoded"
    MISSING = "are missing from the source"
    JUMP = "lie between two clocks"


@dataclass(frozen=True)
class Picture:
    """A frame of the picture track; its `pts` and `time_base` are those of the timeline."""

    frame: av.VideoFrame
    time: Fraction
    """When it is shown, in seconds from the start."""
    concealed: bool = False
    """Whether the decoder filled in parts that were damaged."""
    pixel_shape: Fraction = Fraction(0)
    """Width of its pixels to their height; 0 = as in all of the source."""
    held: bool = False
    """Whether it is the one before, in the place of one that could not be decoded."""


@dataclass(frozen=True)
class TrackPacket:
    """A packet of another track, its times those of the timeline."""

    packet: Packet[Stream]
    track: int
    """Index of the track; of files that are joined, in the first."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that should be here and is not."""

    reason: GapReason
    time: Fraction
    """Where, in seconds from the start."""
    frames: int = 0
    """Frames of the picture track that are missing."""
    seconds: Fraction = Fraction(0)
    """Time that the source's clock leapt and the timeline did not; less than 0: it went back."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """The picture track goes on in another size, format or rate."""

    what: str
    before: str
    after: str
    time: Fraction
    """From when on, in seconds from the start."""


@dataclass(frozen=True, kw_only=True)
class End:
    """Nothing follows."""

    complete: bool
    """Whether the source ended where it promised to."""
    time: Fraction
    """Where, in seconds from the start."""
    why: str = ""
    """What cut it short."""


Event = Picture | TrackPacket | Gap | Change | End
