"""When the moments of a frame are shown, as frame properties."""

from __future__ import annotations

from collections.abc import MutableMapping
from fractions import Fraction
from typing import Any

__all__ = ["TIME_PROPERTIES", "place_at_rate", "place_in_time"]

INDEX, GAP_NUM, GAP_DEN = "SequenceIndex", "SequenceGapNum", "SequenceGapDen"
DURATION_NUM, DURATION_DEN, START = "_DurationNum", "_DurationDen", "_AbsoluteTime"
CUT_BEFORE, CUT_AFTER = "_SceneChangePrev", "_SceneChangeNext"

TIME_PROPERTIES = [
    INDEX, GAP_NUM, GAP_DEN, DURATION_NUM, DURATION_DEN, START, CUT_BEFORE, CUT_AFTER,
]  # fmt: skip
"""What `place_in_time` and `place_at_rate` may change."""


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
    _keep_cuts(props, is_first=index == 0, is_last=index == multiplier - 1)
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


def place_at_rate(
    props: MutableMapping[str, Any], moment: int, *, later: Fraction, is_first: bool, is_last: bool
) -> None:
    """Write into a moment's properties which one it is, and when it is shown, at a constant rate.

    Args:
        props: The frame's properties, its duration already that of the rate.
        moment: The moment's number, from 0.
        later: Seconds after its frame at which it is shown.
        is_first: Whether it is the first moment of its frame that is shown.
        is_last: Whether it is the last one.
    """
    props[INDEX] = moment
    _keep_cuts(props, is_first=is_first, is_last=is_last)
    if START in props:
        props[START] = float(props[START]) + float(later)


def _keep_cuts(props: MutableMapping[str, Any], *, is_first: bool, is_last: bool) -> None:
    """Let only the first and the last moment of a frame be next to a cut."""
    if not is_first and CUT_BEFORE in props:
        props[CUT_BEFORE] = 0
    if not is_last and CUT_AFTER in props:
        props[CUT_AFTER] = 0
