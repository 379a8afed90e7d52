"""Whole pictures from fields: FFmpeg's bwdif, in the stream of events.

bwdif (Bob Weaver Deinterlacing Filter) keeps the lines of a field and makes those between them
from the fields around it in time, by w3fdif's weights within yadif's limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av

from ..errors import OptionError
from .events import End, Event, Picture
from .facts import SourceFacts

__all__ = ["Deinterlacer", "Deinterlacing"]

RATES = ("field", "frame")
"""A picture for each field, or for each frame."""
ORDERS = ("auto", "top", "bottom")
"""Which field is first: as each frame is marked, or the same for all."""
_PARITY = {"auto": "auto", "top": "tff", "bottom": "bff"}
_PAUSE = Fraction(3, 2)
"""Fields that the second one of a frame may come after the first one; later, there is a pause."""


@dataclass(frozen=True, kw_only=True)
class Deinterlacing:
    """How fields become pictures."""

    rate: str = "field"
    """One of `RATES`: as many pictures as fields, or as frames."""
    order: str = "auto"
    """One of `ORDERS`. "auto" leaves frames alone that are not marked as interlaced."""

    def __post_init__(self) -> None:
        for what, value, known in (("rate", self.rate, RATES), ("order", self.order, ORDERS)):
            if value not in known:
                raise OptionError(
                    f"unknown {what} of deinterlacing {value!r}; choose one of: {', '.join(known)}"
                )

    @property
    def pictures_a_frame(self) -> int:
        """Pictures that an interlaced frame becomes."""
        return 2 if self.rate == "field" else 1

    def facts(self, source: SourceFacts) -> SourceFacts:
        """What is known of the pictures, of what is known of the frames."""
        count, expected = self.pictures_a_frame, source.frames_expected
        return replace(
            source,
            frame_rate=source.frame_rate * count,
            time_base=source.time_base / count,
            frames_expected=None if expected is None else expected * count,
            deinterlaced=True,
        )


class Deinterlacer:
    """Turns frames in a stream of events into pictures; all else passes.

    Args:
        wanted: How.
        facts: What is known of the frames; of the pictures it is `Deinterlacing.facts` of that.
    """

    def __init__(self, wanted: Deinterlacing, facts: SourceFacts) -> None:
        self._wanted = wanted
        self._unit = wanted.facts(facts).time_base
        # How long a picture lasts, nominally.
        self._step = max(1, round(1 / (facts.frame_rate * facts.time_base)))
        self._graph: av.filter.Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    def of(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield events with pictures in the place of frames."""
        for event in events:
            if isinstance(event, Picture):
                yield from self._pushed(event.frame)
                continue
            if isinstance(event, End):
                yield from self._rest()
            yield event
        yield from self._rest()

    def _pushed(self, frame: av.VideoFrame) -> Iterator[Picture]:
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape:
            yield from self._rest()
            self._graph, self._shape = self._built(frame), shape
        assert self._graph is not None
        self._graph.push(frame)
        yield from self._pulled()

    def _rest(self) -> Iterator[Picture]:
        """What the filter holds until the next frame comes, and none does."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled()
        self._graph = self._shape = None

    def _pulled(self) -> Iterator[Picture]:
        """The pictures of one frame."""
        assert self._graph is not None
        before: int | None = None
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            pts = round((frame.pts or 0) * frame.time_base / self._unit)
            if before is not None and pts - before > _PAUSE * self._step:
                pts = before + self._step
            frame.pts, frame.time_base, frame.duration = pts, self._unit, self._step
            before = pts
            yield Picture(frame, pts * self._unit)

    def _built(self, frame: av.VideoFrame) -> av.filter.Graph:
        wanted = self._wanted
        marked = "interlaced" if wanted.order == "auto" else "all"
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base,
        )
        bwdif = graph.add(
            "bwdif", f"mode=send_{wanted.rate}:parity={_PARITY[wanted.order]}:deint={marked}"
        )
        graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
        return graph
