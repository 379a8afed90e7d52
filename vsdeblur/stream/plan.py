"""What becomes of each track, settled before the first frame; the muxer is asked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from ..errors import VideoError
from .containers import MP4_FAMILY
from .settings import StreamOptions
from .timing import Timing
from .track_choice import TrackChoice, chosen_tracks, parse_track_choices
from .track_forms import chosen_form, is_known, kept_form, stretched_form
from .track_plan import Action, Plan, TrackPlan
from .trial import takes_copy

__all__ = ["Action", "Plan", "PlannedSource", "TrackPlan", "make_plan", "plan_pictures"]

_HOLDERS = {"matroska": ".mkv", "mov": ".mov", "mp4": ".mp4"}
"""Containers that hold much, and their suffixes."""
_PICTURES_ONLY = frozenset({"yuv4mpegpipe", "rawvideo", "h264", "hevc", "image2"})
"""Containers that nobody expects to hold more than pictures."""
_CHOSEN = frozenset({"audio", "subtitle"})
"""Kinds of tracks of which callers choose."""
_NEEDED = frozenset({"audio", "subtitle", "video", "attachment"})
"""Kinds of tracks that are not given up unasked."""


class PlannedSource(Protocol):
    """What is to be known of a source."""

    @property
    def container(self) -> InputContainer:
        """It, opened."""
        ...

    @property
    def stream(self) -> Stream:
        """Its picture track."""
        ...

    @property
    def samples(self) -> Mapping[int, Sequence[Packet[Stream]]]:
        """First packets of each other track, by its index."""
        ...


def make_plan(
    reader: PlannedSource, container: str, options: StreamOptions, timing: Timing
) -> Plan:
    """Settle what becomes of each track.

    Raises:
        VideoError: The container cannot hold one, and giving it up is not allowed.
    """
    tracks = []
    chosen = _chosen(reader.container.streams, options)
    for source in reader.container.streams:
        samples = reader.samples.get(source.index, [])
        choice = chosen.get(source.index)
        if choice is None and source.type in _CHOSEN:
            planned = replace(_unplanned(source), reason="it is not chosen", asked=True)
        else:
            planned = _planned(source, samples, reader, container, options, timing, choice)
        if planned.action is Action.DROP and not planned.reason:
            planned = _given_up(planned, source, samples, container, options)
        tracks.append(planned)
    return Plan(container, tuple(tracks))


def plan_pictures(reader: PlannedSource) -> Plan:
    """What becomes of each track where frames become pictures: all but them is left out."""
    tracks = [
        replace(_unplanned(source), reason="pictures hold no other tracks")
        for source in reader.container.streams
    ]
    index = reader.stream.index
    tracks[index] = replace(tracks[index], action=Action.RESTORE, reason="")
    return Plan("image2", tuple(tracks))


def _chosen(sources: Iterable[Stream], options: StreamOptions) -> dict[int, TrackChoice]:
    """The tracks of sound and text that are wanted, by their index.

    Raises:
        VideoError: One is wanted that is not there.
    """
    sources, chosen = list(sources), dict[int, TrackChoice]()
    for kind, text in (("audio", options.audio), ("subtitle", options.subtitles)):
        tracks = [source for source in sources if source.type == kind]
        chosen |= chosen_tracks(parse_track_choices(text, kind), tracks, kind)
    return chosen


def _unplanned(source: Stream) -> TrackPlan:
    before = list(source.container.streams)[: source.index]
    counted = 1 + sum(each.type == source.type for each in before)
    language = source.metadata.get("language", "und")
    return TrackPlan(
        index=source.index,
        number=counted if source.type in _CHOSEN else source.index,
        kind=source.type,
        codec=_codec_name(source),
        language="" if language == "und" else language,
        action=Action.DROP,
    )


def _planned(
    source: Stream,
    samples: Sequence[Packet[Any]],
    reader: PlannedSource,
    container: str,
    options: StreamOptions,
    timing: Timing,
    choice: TrackChoice | None,
) -> TrackPlan:
    """The plan for a track; one that is left out without a reason cannot be stored."""
    plan = _unplanned(source)
    if source.index == reader.stream.index:
        return replace(plan, action=Action.RESTORE, becomes=options.codec, reason=_how(options))
    if source.type == "data" and "timecode" in source.metadata:
        if container in MP4_FAMILY:
            return replace(plan, action=Action.REBUILD, reason="from its start time")
        return replace(plan, reason="its start time stays as a tag")
    if source.type == "audio" and timing.slowdown > 1:
        return stretched_form(plan, source, container, options, timing, choice)
    if choice is not None and choice.encoder is not None:
        return chosen_form(plan, source, samples, container, choice)
    return kept_form(plan, source, samples, container)


def _how(options: StreamOptions) -> str:
    """What of the pictures is not as usual."""
    parts = []
    if options.deinterlace is not None:
        parts.append(f"deinterlaced, a picture for each {options.deinterlace.rate}")
    if options.moments is not None:
        parts.append(f"{options.moments} moments of each frame")
    if options.fps is not None:
        parts.append(f"{options.fps:g} frames a second")
    given = ", ".join(f"{name}={value}" for name, value in options.encoder_options.items())
    if given:
        parts.append(f"encoded with {options.codec} ({given})")
    return ", ".join(parts)


def _given_up(
    plan: TrackPlan,
    source: Stream,
    samples: Sequence[Packet[Any]],
    container: str,
    options: StreamOptions,
) -> TrackPlan:
    """The plan for a track that the container cannot hold.

    Raises:
        VideoError: Another container can, and giving the track up is not allowed.
    """
    holders = [
        suffix
        for name, suffix in _HOLDERS.items()
        if name != container and takes_copy(source, samples, name)
    ]
    is_cover = bool(source.disposition & Disposition.attached_pic)
    needed = source.type in _NEEDED and not is_cover and container not in _PICTURES_ONLY
    if holders and needed and not options.drop:
        raise VideoError(
            f"{plan.name} cannot be stored in {container}; write {' or '.join(holders)}, or allow "
            "losing it with --drop"
        )
    decodable = is_known(source) or source.type == "attachment"
    why = "" if decodable else ", and there is no decoder for it"
    return replace(plan, reason=f"it cannot be stored in {container}{why}")


def _codec_name(source: Stream) -> str:
    if is_known(source):
        return source.codec_context.name
    return getattr(source, "name", None) or "unknown codec"
