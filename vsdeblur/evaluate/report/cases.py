"""The videos of a set as cases: what each gains in the mean, and in the worst frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from ..scores import SetScores, VideoScores

__all__ = ["CaseRow", "case_rows"]


@dataclass(frozen=True, kw_only=True)
class CaseRow:
    """A case in one line."""

    name: str
    num_frames: int
    mean_gain: float
    """Over the blurred frames in luma PSNR, dB."""
    worst_gain: float
    """The least of any frame."""
    white_lamps: float | None = None
    """Share of the lamps that stay white; None = they were not looked for."""
    bar_light: float | None = None
    """Largest luma in black bars beside the picture, 0 to 255; None = there are none."""


def case_rows(scores: SetScores) -> list[CaseRow]:
    """A row for each video."""
    return [_row(video) for video in scores.videos]


def _row(video: VideoScores) -> CaseRow:
    bars = _all(video, "restored_bar")
    shares, counts = _all(video, "restored_lamps"), _all(video, "restored_num_lamps")
    num_white = sum(share * count for share, count in zip(shares, counts, strict=True))
    return CaseRow(
        name=video.name,
        num_frames=len(video.frames),
        mean_gain=fmean(video.gains),
        worst_gain=min(video.gains),
        white_lamps=num_white / sum(counts) if counts else None,
        bar_light=max(bars, default=None),
    )


def _all(video: VideoScores, figure: str) -> Sequence[float]:
    return [frame.figures[figure] for frame in video.frames if figure in frame.figures]
