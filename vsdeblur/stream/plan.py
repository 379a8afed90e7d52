"""What becomes of each track, settled before the first frame; the muxer is asked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import av
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from ..errors import VideoError
from .audio import FALLBACKS, encoders_for, named_layout
from .containers import MP4_FAMILY
from .reader import Reader
from .settings import StreamOptions
from .timing import Timing
from .trial import takes_conversion, takes_copy

__all__ = ["Action", "Plan", "TrackPlan", "make_plan", "plan_pictures"]

_TEXT_FORMS = ("mov_text", "srt", "webvtt", "ass")
_AVI_SOUND = frozenset({"mp2", "mp3", "ac3", "aac", "wmav1", "wmav2"})
_HOLDERS = {"matroska": ".mkv", "mov": ".mov", "mp4": ".mp4"}
"""Containers that hold much, and their suffixes."""
_PICTURES_ONLY = frozenset({"yuv4mpegpipe", "rawvideo", "h264", "hevc", "image2"})
"""Containers that nobody expects to hold more than pictures."""
_NEEDED = frozenset({"audio", "subtitle", "video", "attachment"})
"""Kinds of tracks that are not given up unasked."""


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
    kind: str
    codec: str
    action: Action
    becomes: str = ""
    """The encoder that makes it, or the channel layout that a copy is given."""
    reason: str = ""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"{self.kind} track {self.index} ({self.codec})"

    def line(self) -> str:
        """The plan for it, in one line."""
        to = f" to {self.becomes}" if self.action is Action.CONVERT else ""
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


def make_plan(reader: Reader, container: str, options: StreamOptions, timing: Timing) -> Plan:
    """Settle what becomes of each track.

    Raises:
        VideoError: The container cannot hold one, and giving it up is not allowed.
    """
    tracks = []
    for source in reader.container.streams:
        samples = reader.samples.get(source.index, [])
        planned = _planned(source, samples, reader, container, options, timing)
        if planned.action is Action.DROP and not planned.reason:
            planned = _given_up(planned, source, samples, container, options)
        tracks.append(planned)
    return Plan(container, tuple(tracks))


def plan_pictures(reader: Reader) -> Plan:
    """What becomes of each track where frames become pictures: all but them is left out."""
    tracks = [
        TrackPlan(
            index=source.index, kind=source.type, codec=_codec_name(source), action=Action.DROP,
            reason="pictures hold no other tracks",
        )
        for source in reader.container.streams
    ]  # fmt: skip
    index = reader.stream.index
    tracks[index] = replace(tracks[index], action=Action.RESTORE, reason="")
    return Plan("image2", tuple(tracks))


def _planned(
    source: Stream,
    samples: Sequence[Packet[Any]],
    reader: Reader,
    container: str,
    options: StreamOptions,
    timing: Timing,
) -> TrackPlan:
    """The plan for a track; one that is left out without a reason cannot be stored."""
    plan = TrackPlan(
        index=source.index, kind=source.type, codec=_codec_name(source), action=Action.DROP
    )
    if source.index == reader.stream.index:
        return replace(plan, action=Action.RESTORE, becomes=options.codec)
    if source.type == "data" and "timecode" in source.metadata:
        if container in MP4_FAMILY:
            return replace(plan, action=Action.REBUILD, reason="from its start time")
        return replace(plan, reason="its start time stays as a tag")
    if source.type == "audio" and timing.slowdown > 1:
        return _stretched(plan, source, container, options, timing)
    return _kept(plan, source, samples, container)


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


def _is_timed_in_avi(source: Stream) -> bool:
    """Whether AVI, which gives sound no times, says how long a packet of a codec lasts."""
    codec = source.codec_context.codec.canonical_name if _is_known(source) else ""
    return codec in _AVI_SOUND or codec.startswith(("pcm_", "adpcm_"))


def _converted(
    plan: TrackPlan, source: Stream, encoders: Sequence[str], container: str, slowdown: int = 1
) -> TrackPlan:
    for encoder in encoders:
        if takes_conversion(source, encoder, container, slowdown):
            return replace(plan, action=Action.CONVERT, becomes=encoder)
    return plan


def _stretched(
    plan: TrackPlan, source: Stream, container: str, options: StreamOptions, timing: Timing
) -> TrackPlan:
    if not options.stretch_audio:
        return replace(plan, reason="slow motion is without sound; --stretch-audio gives it some")
    if not _is_known(source):
        return replace(plan, reason="there is no decoder for it")
    assert isinstance(source, av.AudioStream)
    return _converted(plan, source, encoders_for(source), container, timing.slowdown)


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
