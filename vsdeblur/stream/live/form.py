"""What a live stream is made of for a while: pictures of one size, and tracks beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from ..coding import FrameCoding, frame_coding
from ..encoder import encoder_named, working_format
from ..facts import SourceFacts, facts_of, frame_rate
from ..formats import plain_name
from ..plan import Action, Plan, make_plan
from ..settings import StreamOptions
from ..timing import Timing
from .connection import UNIT, Connection
from .levels import LiveFilter

__all__ = ["Form", "FormMaker", "shape_of"]

_RATES = tuple(Fraction(rate) for rate in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120))
_NEAR = Fraction(1, 50)
"""Share by which a measured rate may differ from a usual one that is meant."""
_NTSC = Fraction(1000, 1001)
_FOR_PLAYERS = frozenset({"flv", "hls", "rtsp"})
"""Formats of outputs that are sent to viewers."""
_PLAYED = "yuv420p"
"""The pixel format that everybody's player takes."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the stream is made of, until it changes."""

    facts: SourceFacts
    """Of the pictures."""
    working_format: str
    """Pixel format in which they are restored and encoded."""
    coding: FrameCoding
    """How they are read and written."""
    template: OutputContainer
    """Is written to nowhere; it holds descriptions of the tracks, which outlive the connection."""
    tracks: Mapping[int, Stream]
    """Those, by the track's index in the connection that the form was made for."""
    plans: Mapping[str, Plan]
    """What becomes of each track, by the format of the output."""

    def places(self, connection: Connection) -> dict[int, int] | None:
        """Index of a connection's track -> index of the same track in here.

        Returns:
            None if it has a track that is not in here.
        """
        free = {index: _fingerprint(stream) for index, stream in self.tracks.items()}
        places = {}
        for stream in _beside(connection):
            found = next((i for i, known in free.items() if known == _fingerprint(stream)), None)
            if found is None:
                return None
            del free[found]
            places[stream.index] = found
        return places


def shape_of(frame: av.VideoFrame) -> tuple[object, ...]:
    """What of a frame an encoder is set up for."""
    return (
        frame.width,
        frame.height,
        frame.format.name,
        frame.color_range,
        frame.colorspace,
        frame.color_primaries,
        frame.color_trc,
    )


class FormMaker:
    """Makes forms.

    Args:
        chosen: What restores the pictures.
        options: How they are encoded.
        containers: Formats of the outputs.
    """

    def __init__(
        self, chosen: LiveFilter, options: StreamOptions, containers: Sequence[str]
    ) -> None:
        self._filter, self._options, self._containers = chosen, options, containers
        self._codec = encoder_named(options.codec)

    def make(self, connection: Connection, first: av.VideoFrame) -> Form:
        """The form of what a connection brings.

        Args:
            connection: The connection.
            first: Its first frame, or the first of another size.

        Raises:
            VideoError: The pictures cannot be restored, or no output can hold them.
        """
        facts = facts_of(connection.container, connection.stream, first)
        facts = replace(facts, time_base=UNIT, frame_rate=_usual(frame_rate(connection.stream)))
        chosen = working_format(facts, self._options_for(facts), self._codec)
        return Form(
            facts=facts,
            working_format=chosen,
            coding=frame_coding(facts, chosen, self._filter.channels, self._filter.device),
            template=(template := av.open("template", "w", format="null")),
            tracks=dict(_copied(connection, template)),
            plans={
                container: make_plan(_Planned(connection), container, self._options, Timing())
                for container in dict.fromkeys(self._containers)
            },
        )

    def _options_for(self, facts: SourceFacts) -> StreamOptions:
        """How pictures are encoded: those that browsers and boxes are to play, as they can."""
        plays = plain_name(facts.pixel_format) in (_PLAYED, "nv12")
        if self._options.pixel_format or plays or not _FOR_PLAYERS.intersection(self._containers):
            return self._options
        return replace(self._options, pixel_format=_PLAYED)

    def lines(self, form: Form) -> list[str]:
        """What is not simply copied, a line for each track."""
        return list(
            dict.fromkeys(
                track.line()
                for plan in form.plans.values()
                for track in plan.tracks
                if track.action in (Action.CONVERT, Action.DROP)
            )
        )


class _Planned:
    """A connection, as a plan is made of it."""

    def __init__(self, connection: Connection) -> None:
        self.container = connection.container
        self.stream: Stream = connection.stream
        self.samples: Mapping[int, Sequence[Packet[Stream]]] = connection.samples


def _beside(connection: Connection) -> list[Stream]:
    """The tracks beside the pictures that have a codec."""
    return [
        stream
        for stream in connection.container.streams
        if stream.index != connection.stream.index and _is_known(stream)
    ]


def _copied(connection: Connection, template: OutputContainer) -> list[tuple[int, Stream]]:
    copies = []
    for stream in _beside(connection):
        with suppress(ValueError):  # of a kind that is not copied
            copies.append((stream.index, template.add_stream_from_template(stream, opaque=True)))
    return copies


def _is_known(stream: Stream) -> bool:
    context: object = stream.codec_context
    return context is not None


def _fingerprint(stream: Stream) -> tuple[object, ...]:
    """What of a track must not change while an output is open."""
    context: Any = stream.codec_context
    sound = (context.sample_rate, context.layout.name) if stream.type == "audio" else ()
    return (stream.type, context.name, context.extradata, *sound)


def _usual(rate: Fraction) -> Fraction:
    """The rate that is meant by one that was guessed from the first frames."""
    usual = [each * factor for each in _RATES for factor in (Fraction(1), _NTSC)]
    nearest = min(usual, key=lambda each: abs(each - rate))
    return nearest if abs(nearest - rate) <= _NEAR * rate else rate
