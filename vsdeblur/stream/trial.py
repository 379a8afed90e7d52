"""Dry muxes: whether a container takes a track, found out in memory with real packets."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from .conversion import TRIAL_LINE, add_conversion
from .packets import copy_of
from .tracks import copy_track

__all__ = ["takes_conversion", "takes_copy"]

_FAILURES = (av.FFmpegError, OSError, ValueError)


def takes_copy(
    source: Stream, samples: Sequence[Packet[Any]], container: str, *, layout: str | None = None
) -> bool:
    """Whether a container takes a track as it is, up to its trailer, and gives it back.

    Args:
        source: The track.
        samples: Packets of it.
        container: FFmpeg's name of the format.
        layout: What places its channels are said to have; None = those of the source.
    """
    samples = samples or _made_up(source)

    def write(trial: OutputContainer) -> Stream:
        copy = copy_track(trial, source, layout)
        trial.start_encoding()
        for sample in samples:
            packet = copy_of(sample)
            packet.stream = copy
            trial.mux(packet)
        return copy

    buffer = _written(container, write)
    if buffer is None:
        return False
    if not samples or source.type not in ("audio", "subtitle"):
        return True
    return _gives_back(buffer, source.type)


def takes_conversion(
    source: Stream,
    encoder: str,
    container: str,
    slowdown: int = 1,
    bit_rate: int | None = None,
) -> bool:
    """Whether a container takes what an encoder makes of a track, and gives it back."""

    def write(trial: OutputContainer) -> Stream:
        conversion = add_conversion(trial, source, encoder, slowdown, bit_rate)
        trial.start_encoding()
        for packet in conversion.trial_packets():
            trial.mux(packet)
        return conversion.stream

    buffer = _written(container, write)
    return buffer is not None and _gives_back(buffer, source.type)


def _made_up(source: Stream) -> Sequence[Packet[Any]]:
    """A line of text, for a track of which no packet has come yet."""
    context: object = source.codec_context
    if source.type != "subtitle" or context is None or not source.codec_context.codec.text_sub:
        return []
    packet: Packet[Any] = Packet(TRIAL_LINE)
    packet.pts = packet.dts = 0
    packet.duration, packet.time_base = 1000, Fraction(1, 1000)
    packet.is_keyframe, packet.stream = True, source
    return [packet]


def _written(container: str, write: Callable[[OutputContainer], Stream]) -> io.BytesIO | None:
    """A file in memory, complete; None = the container or an encoder refuses."""
    buffer = io.BytesIO()
    try:
        trial = av.open(buffer, "w", format=container)
    except _FAILURES:
        return None
    try:
        write(trial)
    except _FAILURES:
        with suppress(*_FAILURES):
            trial.close()
        return None
    try:
        trial.close()
    except _FAILURES:
        return None
    return buffer


def _gives_back(buffer: io.BytesIO, kind: str) -> bool:
    """Whether what was written is read as a track of its kind.

    A transport stream takes all there is, and calls what it does not know data. The codec is not
    compared: of a few packets it may be guessed wrong.
    """
    buffer.seek(0)
    try:
        with av.open(buffer, "r") as written:
            return any(stream.type == kind for stream in written.streams)
    except _FAILURES:
        return True  # too little was written to be read: no word against it
