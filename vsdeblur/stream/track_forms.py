"""In what form a container takes a track: as it is, converted, or stretched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import av
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from ..errors import VideoError
from .audio import FALLBACKS, encoders_for, named_layout
from .settings import StreamOptions
from .timing import Timing
from .track_choice import COPY, TrackChoice
from .track_plan import Action, TrackPlan
from .trial import takes_conversion, takes_copy

__all__ = ["chosen_form", "is_known", "kept_form", "stretched_form"]

_TEXT_FORMS = ("mov_text", "srt", "webvtt", "ass")
_AVI_SOUND = frozenset({"mp2", "mp3", "ac3", "aac", "wmav1", "wmav2"})


def kept_form(
    plan: TrackPlan, source: Stream, samples: Sequence[Packet[Any]], container: str
) -> TrackPlan:
    """Copied if the container takes it, or else converted."""
    times_it = container != "avi" or source.type != "audio" or _is_timed_in_avi(source)
    if times_it and takes_copy(source, samples, container):
        return replace(plan, action=Action.COPY)
    if isinstance(source, av.AudioStream) and is_known(source):
        layout = named_layout(source.codec_context.layout)
        is_other = layout != source.codec_context.layout.name
        if is_other and times_it and takes_copy(source, samples, container, layout=layout):
            return replace(plan, action=Action.COPY, becomes=layout, reason=f"taken for {layout}")
        return _converted(plan, source, FALLBACKS, container)
    is_text = is_known(source) and source.codec_context.codec.text_sub
    if isinstance(source, SubtitleStream) and is_text:
        return _converted(plan, source, _TEXT_FORMS, container)
    return plan


def chosen_form(
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
    kept = kept_form(plan, source, samples, container)
    if kept.action is Action.COPY and choice.keeps(plan.codec):
        return kept
    if wanted == COPY:
        raise VideoError(f"{plan.name} cannot be copied to {container}; leave the codec open")
    is_picture = source.type == "subtitle" and not (
        is_known(source) and source.codec_context.codec.text_sub
    )
    if is_picture or not is_known(source):
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
    codec = source.codec_context.codec.canonical_name if is_known(source) else ""
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


def stretched_form(
    plan: TrackPlan,
    source: Stream,
    container: str,
    options: StreamOptions,
    timing: Timing,
    choice: TrackChoice | None,
) -> TrackPlan:
    """Sound as many times longer as the pictures, if that is wanted."""
    if not options.stretch_audio:
        return replace(plan, reason="slow motion is without sound; --stretch-audio gives it some")
    if not is_known(source):
        return replace(plan, reason="there is no decoder for it")
    assert isinstance(source, av.AudioStream)
    encoders, bit_rate = encoders_for(source), None
    if choice is not None and choice.encoder not in (None, COPY):
        encoders, bit_rate = [str(choice.encoder)], choice.bit_rate
    return _converted(plan, source, encoders, container, timing.slowdown, bit_rate)


def is_known(source: Stream) -> bool:
    """Whether FFmpeg has a decoder for a track; PyAV does not say that it may have none."""
    context: object = source.codec_context
    return context is not None
