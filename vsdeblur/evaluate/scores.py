"""Figures of frames, videos and sets, and their means.

A figure is a number with a name: `input_psnr_luma` is the luma PSNR of the blurred input. The
names are those of the JSON report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from .metrics.fidelity import Quality
from .metrics.localisation import RegionScore

__all__ = ["Figures", "FrameScores", "SetScores", "VideoScores", "mean_figures", "quality_figures"]

type Figures = Mapping[str, float]


def quality_figures(state: str, channels: str, quality: Quality) -> dict[str, float]:
    """Name PSNR and SSIM.

    Args:
        state: "input", "restored", or one of the task's `intermediates`.
        channels: "luma" or "rgb".
        quality: The two.
    """
    return {
        f"{state}_psnr_{channels}": quality.psnr,
        f"{state}_ssim_{channels}": quality.ssim,
    }


def mean_figures(figures: Sequence[Figures]) -> dict[str, float]:
    """Mean of each figure over those that have it."""
    names = dict.fromkeys(name for each in figures for name in each)
    return {name: fmean(each[name] for each in figures if name in each) for name in names}


@dataclass(frozen=True, kw_only=True)
class FrameScores:
    """Figures of one blurred frame."""

    index: int
    """Number of the frame in its video."""
    figures: Figures
    seconds: float
    """Time of the restorer's call."""


@dataclass(frozen=True, kw_only=True)
class VideoScores:
    """Figures of one video."""

    name: str
    width: int
    height: int
    pixels_sha256: str
    """Hash of the blurred and the sharp frames that were scored, in order, as they were read."""
    frames: Sequence[FrameScores]

    @property
    def mean(self) -> dict[str, float]:
        """Mean over its frames."""
        return mean_figures([frame.figures for frame in self.frames])

    @property
    def gains(self) -> list[float]:
        """What each frame gains over the blurred one in luma PSNR, in dB."""
        figures = [frame.figures for frame in self.frames]
        return [some["restored_psnr_luma"] - some["input_psnr_luma"] for some in figures]


@dataclass(frozen=True, kw_only=True)
class SetScores:
    """Figures of one set."""

    name: str
    title: str
    split: str
    is_whole: bool
    """Whether all frames of all videos were scored."""
    videos: Sequence[VideoScores]
    regions: RegionScore | None = None
    """How well blurred regions were found; None = nobody looked for them."""
    by_video: bool = False
    """Whether its videos are cases to be told apart."""

    @property
    def frames(self) -> list[FrameScores]:
        """All frames, in order."""
        return [frame for video in self.videos for frame in video.frames]

    @property
    def mean_over_frames(self) -> dict[str, float]:
        """Mean over all frames: every frame counts the same."""
        return mean_figures([frame.figures for frame in self.frames])

    @property
    def mean_over_videos(self) -> dict[str, float]:
        """Mean over the videos of each one's mean: every video counts the same."""
        return mean_figures([video.mean for video in self.videos])

    @property
    def groups(self) -> dict[str, SetScores]:
        """Its videos by the beginning of their names, "left" of "left/000000"; none if not so."""
        if not all("/" in video.name for video in self.videos):
            return {}
        names = _each_once(video.name.split("/")[0] for video in self.videos)
        return {
            name: replace(self, videos=[v for v in self.videos if v.name.split("/")[0] == name])
            for name in names
        }

    @property
    def seconds_a_frame(self) -> float:
        """Median time of the restorer's call."""
        return median(frame.seconds for frame in self.frames)

    @property
    def sizes(self) -> list[str]:
        """Sizes of its frames, WIDTHxHEIGHT, each once."""
        return _each_once(f"{video.width}x{video.height}" for video in self.videos)


def _each_once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
