"""What becomes of each track, settled before the first frame; the muxer is asked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from ..errors import VideoError
from .audio import FALLBACKS, encoders_for, named_layout
from .containers import MP4_FAMILY
from .settings import StreamOptions
from .timing import Timing
from .track_choice import COPY, TrackChoice, chosen_tracks, parse_track_choices
from .track_plan import Action, Plan, TrackPlan
from .trial import takes_conversion, takes_copy

__all__ = ["Action", "Plan", "PlannedSource", "TrackPlan", "make_plan"]

_TEXT_FORMS = ("mov_text", "srt", "webvtt", "ass")
_AVI_SOUND = frozenset({"mp2", "mp3", "ac3", "aac", "wmav1", "wmav2"})
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
        return _stretched(plan, source, container, options, timing, choice)
    if choice is not None and choice.encoder is not None:
        return _as_chosen(plan, source, samples, container, choice)
    return _kept(plan, source, samples, container)


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


def _kept(
    plan: TrackPlan, source: Stream, samples: Sequence[Packet[Any]], container: str
) -> TrackPlan:
    """Copied if the container takes it, or else converted."""
    times_it = container != "avi" or source.type != "audio" or _is_timed_in_avi(source)
    if times_it and takes_copy(source, samples, container):
        return replace(plan, action=Action.COPY)
    if isinstance(source, av.AudioStream) and _is_known(source):
        layout = named_layout(source.codec_context.layout)
        is_other = layout != source.codec_context.layout.name
        if is_other and times_it and takes_copy(source, samples, container, layout=layout):
            return replace(plan, action=Action.COPY, becomes=layout, reason=f"taken for {layout}")
        return _converted(plan, source, FALLBACKS, container)
    is_text = _is_known(source) and source.codec_context.codec.text_sub
    if isinstance(source, SubtitleStream) and is_text:
        return _converted(plan, source, _TEXT_FORMS, container)
    return plan


def _as_chosen(
    plan: TrackPlan,
    source: Stream,
    samples: Sequence[Packet[Any]],
    container: str,
    choice: TrackChoice,
) -> TrackPlan:
    """In the codec that is asked for.

    Raises:
        VideoError: The track cannot become that, or the container not hold it.
    """
    wanted = choice.encoder
    assert wanted is not None
    kept = _kept(plan, source, samples, container)
    if kept.action is Action.COPY and choice.keeps(plan.codec):
        return kept
    if wanted == COPY:
        raise VideoError(f"{plan.name} cannot be copied to {container}; leave the codec open")
    is_picture = source.type == "subtitle" and not (
        _is_known(source) and source.codec_context.codec.text_sub
    )
    if is_picture or not _is_known(source):
        why = "it shows pictures, not text" if is_picture else "there is no decoder for it"
        raise VideoError(f"{plan.name} cannot become {wanted}: {why}")
    converted = _converted(plan, source, [wanted], container, bit_rate=choice.bit_rate)
    if converted.action is Action.DROP:
        at = f" at {choice.bit_rate} bits a second" if choice.bit_rate else ""
        raise VideoError(
            f"{plan.name} cannot become {wanted}{at} in {container}; use another codec or container"
        )
    return converted


def _is_timed_in_avi(source: Stream) -> bool:
    """Whether AVI, which gives sound no times, says how long a packet of a codec lasts."""
    codec = source.codec_context.codec.canonical_name if _is_known(source) else ""
    return codec in _AVI_SOUND or codec.startswith(("pcm_", "adpcm_"))


def _converted(
    plan: TrackPlan,
    source: Stream,
    encoders: Sequence[str],
    container: str,
    slowdown: int = 1,
    bit_rate: int | None = None,
) -> TrackPlan:
    for encoder in encoders:
        if takes_conversion(source, encoder, container, slowdown, bit_rate):
            return replace(plan, action=Action.CONVERT, becomes=encoder, bit_rate=bit_rate)
    return plan


def _stretched(
    plan: TrackPlan,
    source: Stream,
    container: str,
    options: StreamOptions,
    timing: Timing,
    choice: TrackChoice | None,
) -> TrackPlan:
    if not options.stretch_audio:
        return replace(plan, reason="slow motion is without sound; --stretch-audio gives it some")
    if not _is_known(source):
        return replace(plan, reason="there is no decoder for it")
    assert isinstance(source, av.AudioStream)
    encoders, bit_rate = encoders_for(source), None
    if choice is not None and choice.encoder not in (None, COPY):
        encoders, bit_rate = [str(choice.encoder)], choice.bit_rate
    return _converted(plan, source, encoders, container, timing.slowdown, bit_rate)


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
    decodable = _is_known(source) or source.type == "attachment"
    why = "" if decodable else ", and there is no decoder for it"
    return replace(plan, reason=f"it cannot be stored in {container}{why}")


def _is_known(source: Stream) -> bool:
    """Whether FFmpeg has a decoder for a track; PyAV does not say that it may have none."""
    context: object = source.codec_context
    return context is not None


def _codec_name(source: Stream) -> str:
    if _is_known(source):
        return source.codec_context.name
    return getattr(source, "name", None) or "unknown codec"
