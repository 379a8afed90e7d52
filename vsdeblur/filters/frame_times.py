"""When the moments of a frame are shown, as frame properties."""

from __future__ import annotations

from collections.abc import MutableMapping
from fractions import Fraction
from typing import Any

__all__ = ["TIME_PROPERTIES", "place_in_time"]

INDEX, GAP_NUM, GAP_DEN = "SequenceIndex", "SequenceGapNum", "SequenceGapDen"
DURATION_NUM, DURATION_DEN, START = "_DurationNum", "_DurationDen", "_AbsoluteTime"
CUT_BEFORE, CUT_AFTER = "_SceneChangePrev", "_SceneChangeNext"

TIME_PROPERTIES = [
    INDEX, GAP_NUM, GAP_DEN, DURATION_NUM, DURATION_DEN, START, CUT_BEFORE, CUT_AFTER,
]  # fmt: skip
"""What `place_in_time` may change."""


def place_in_time(
    props: MutableMapping[str, Any], index: int, multiplier: int, exposure: Fraction
) -> None:
    """Write into a moment's properties where it lies in its group, and when.

    Args:
        props: The frame's properties, its duration already divided by the multiplier.
        index: The moment's number in its group, from 0.
        multiplier: Moments in a group.
        exposure: Part of the frame interval over which the moments are spread.
    """
    props[INDEX] = index
    if index > 0 and CUT_BEFORE in props:
        props[CUT_BEFORE] = 0
    if index < multiplier - 1 and CUT_AFTER in props:
        props[CUT_AFTER] = 0
    if not props.get(DURATION_DEN):  # of unknown duration
        return
    even = Fraction(int(props[DURATION_NUM]), int(props[DURATION_DEN]))
    duration, gap = even * exposure, even * multiplier * (1 - exposure)
    if START in props:
        props[START] = float(props[START]) + float(duration * index)
    if gap and index == multiplier - 1:
        props[GAP_NUM], props[GAP_DEN] = gap.numerator, gap.denominator
        duration += gap
    props[DURATION_NUM], props[DURATION_DEN] = duration.numerator, duration.denominator
