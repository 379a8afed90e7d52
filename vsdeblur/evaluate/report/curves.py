"""PSNR of every frame as curves: the geometry of the report's drawing.

By hand: a plotting library would put a script of its own into a page that is one small file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..scores import SetScores, VideoScores

__all__ = ["Chart", "Stretch", "psnr_chart"]

WIDTH, HEIGHT = 1040, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 30
"""Margins of the drawing, in its own units."""
LABEL_UNITS = 6.5
"""About the width of a letter of a label."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The part of the drawing that belongs to one video."""

    name: str
    label: str
    """The name, or "" where there is no room for it."""
    start: float
    end: float
    """Horizontal position of its borders."""
    lines: dict[str, str]
    """"input", "restored" -> points of a polyline."""
    values: dict[str, list[float]]
    """The same PSNR, dB, for the readout."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing; positions grow to the right and down."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    """Borders of the plane that the curves are in."""
    ticks: Sequence[tuple[float, str]]
    """Position and text of the marks on the vertical axis."""
    stretches: Sequence[Stretch]


@dataclass(frozen=True)
class _Axis:
    """The vertical axis: PSNR in dB from low to high, a mark every step."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float]) -> _Axis:
        """The axis that holds these values and has at most eight marks."""
        span = max(values) - min(values)
        step = next((step for step in (0.5, 1, 2, 5, 10, 20) if span / step <= 6), 50.0)
        low = math.floor(min(values) / step) * step
        return cls(low, max(math.ceil(max(values) / step) * step, low + step), step)

    def position(self, psnr: float) -> float:
        share = (self.high - psnr) / (self.high - self.low)
        return round(TOP + share * (HEIGHT - TOP - BOTTOM), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        count = round((self.high - self.low) / self.step) + 1
        marks = [self.low + self.step * number for number in range(count)]
        return [(self.position(mark), f"{mark:g}") for mark in marks]


def psnr_chart(scores: SetScores) -> Chart:
    """Draw the luma PSNR of the blurred input and of the restored frames, video after video."""
    videos = [(video.name, _series(video)) for video in scores.videos]
    axis = _Axis.over([v for _, series in videos for values in series.values() for v in values])
    unit = (WIDTH - LEFT - RIGHT) / len(scores.frames)
    stretches, start = [], float(LEFT)
    for name, series in videos:
        stretches.append(_stretch(name, series, start, unit, axis))
        start += unit * len(series["input"])
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        ticks=axis.ticks,
        stretches=stretches,
    )


def _series(video: VideoScores) -> dict[str, list[float]]:
    return {
        state: [frame.figures[f"{state}_psnr_luma"] for frame in video.frames]
        for state in ("input", "restored")
    }


def _stretch(
    name: str, series: dict[str, list[float]], start: float, unit: float, axis: _Axis
) -> Stretch:
    width = unit * len(series["input"])
    lines = {
        state: " ".join(
            f"{start + unit * (index + 0.5):.1f},{axis.position(psnr)}"
            for index, psnr in enumerate(values)
        )
        for state, values in series.items()
    }
    return Stretch(
        name=name,
        label=name if len(name) * LABEL_UNITS < width else "",
        start=round(start, 1),
        end=round(start + width, 1),
        lines=lines,
        values={state: [round(v, 2) for v in values] for state, values in series.items()},
    )
