"""What becomes of each track: the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Action", "Plan", "TrackPlan"]


class Action(Enum):
    """What becomes of a track."""

    RESTORE = "restored"
    COPY = "copied"
    CONVERT = "converted"
    REBUILD = "made anew by the container"
    DROP = "left out"


@dataclass(frozen=True, kw_only=True)
class TrackPlan:
    """What becomes of one track."""

    index: int
    """In the source."""
    number: int
    """What it is called by: of sound and subtitles, counted from 1 among its kind, as they are
    chosen; of others the index."""
    kind: str
    codec: str
    language: str = ""
    """As the source names it; empty = it does not."""
    action: Action
    becomes: str = ""
    """The encoder that makes it, or the channel layout that a copy is given."""
    reason: str = ""
    bit_rate: int | None = None
    """Bits a second of what it is converted to; None = as is usual."""
    asked: bool = False
    """Whether it is left out because the caller wants that."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        language = f", {self.language}" if self.language else ""
        return f"{self.kind} track {self.number} ({self.codec}{language})"

    def line(self) -> str:
        """The plan for it, in one line."""
        to = f" to {self.becomes}" if self.action is Action.CONVERT else ""
        to += f" at {self.bit_rate / 1000:g} kbit/s" if self.bit_rate else ""
        return f"{self.name}: {self.action.value}{to}{f', {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class Plan:
    """What becomes of all tracks."""

    container: str
    """FFmpeg's name of the target's format."""
    tracks: tuple[TrackPlan, ...]

    def of(self, index: int) -> TrackPlan:
        """The plan for the track with an index."""
        return self.tracks[index]

    def lines(self) -> list[str]:
        """The plan, a line for each track."""
        return [track.line() for track in self.tracks]
