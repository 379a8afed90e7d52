"""The unit in which a target counts time: the source's own, or frames where it knows no other."""

from __future__ import annotations

from fractions import Fraction

from .facts import SourceFacts

__all__ = ["target_unit"]

_COUNTS_FRAMES = frozenset({"avi", "yuv4mpegpipe"})
"""Containers whose pictures have a number, not a time."""
_FIXED_RATE = frozenset({"mpeg1video", "mpeg2video", "dvvideo", "dnxhd", "mpeg4"})
"""Codecs that know a frame rate, not times; the last one counts no finer than 1/65535 s."""


def target_unit(facts: SourceFacts, container: str, codec: str) -> Fraction:
    """Seconds a unit of the target's times.

    Args:
        facts: The frame rate and the time base that the target would have by itself.
        container: FFmpeg's name of the format.
        codec: FFmpeg's name of the encoder.
    """
    if container in _COUNTS_FRAMES or codec in _FIXED_RATE:
        return 1 / facts.frame_rate
    return facts.time_base
