"""How a filter works on a set: our figures, and those that were published of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean

from ...data.psnr import BANDS
from ..metrics.motion import MOST_ERROR, MotionScore, score_motion
from ..scores import SetScores
from .published import PUBLISHED_WORKINGS, PublishedWorking

__all__ = ["ComparedFigure", "compared_figures", "published_seconds"]


@dataclass(frozen=True, kw_only=True)
class ComparedFigure:
    """A figure of how a filter works, beside what was published of it."""

    figure: str
    """Its name in the JSON report."""
    title: str
    value: float
    attainable: float | None = None
    """The best that could be had; None = there is no such bound."""
    by_kernel: Mapping[str, float] = field(default_factory=dict)
    """The same for each blur; empty = not told apart."""
    published: PublishedWorking | None
    """What was published of this filter."""

    @property
    def text(self) -> str:
        """All of it in one line."""
        parts = [f"{self.title}: {self.value:.3f}"]
        if self.attainable is not None:
            parts.append(f" of at most {self.attainable:.3f}")
        if self.published is not None:
            parts.append(f"; published: {self.published.value:g} ({self.published.protocol})")
        return "".join(parts)


def compared_figures(scores: SetScores, filter_name: str) -> list[ComparedFigure]:
    """Figures of how a filter worked on a set; none where only its results were scored.

    Args:
        scores: All figures of the set.
        filter_name: As in the manifest.
    """
    figures = []
    iterations = scores.mean_over_frames.get("restored_iterations")
    if iterations is not None:
        figures.append(
            ComparedFigure(
                figure="iterations",
                title="accepted iterations, mean over frames",
                value=iterations,
                published=PUBLISHED_WORKINGS.get((filter_name, "iterations")),
            )
        )
    if scores.regions is not None:
        figures.append(
            ComparedFigure(
                figure="region_iou",
                title="IoU of the region found most blurred and the one blurred, mean over "
                f"{scores.regions.num_pictures} pictures",
                value=scores.regions.iou,
                attainable=scores.regions.attainable,
                by_kernel=scores.regions.by_kernel,
                published=PUBLISHED_WORKINGS.get((filter_name, "region_iou")),
            )
        )
    gain = _blurred_gain(scores)
    if gain is not None:
        figures.append(gain)
    motion = score_motion([frame.figures for frame in scores.frames])
    if motion is not None:
        figures += _motion_figures(motion, filter_name)
    return figures


def _motion_figures(motion: MotionScore, filter_name: str) -> list[ComparedFigure]:
    verdict = "is" if motion.is_real else "is not"
    figures = {
        "end_point_error": (
            f"end-point error in pixels, median over the groups that move ({motion.groups}; of a "
            f"still sequence {motion.still_error:.3f})",
            motion.end_point_error,
        ),
        "end_point_error_share": (
            f"end-point error, of a still sequence's (at most {MOST_ERROR:g}, and neighbouring "
            f"moments that differ: the motion {verdict} real)",
            motion.error_share,
        ),
        "neighbour_difference": (
            "difference of neighbouring moments in 8-bit levels, mean over the groups that move "
            f"(of the sharp ones {motion.sharp_change:.3f})",
            motion.change,
        ),
        "right_way": ("share of the groups that move the right way", motion.right_way),
    }
    return [
        ComparedFigure(
            figure=figure,
            title=title,
            value=value,
            published=PUBLISHED_WORKINGS.get((filter_name, figure)),
        )
        for figure, (title, value) in figures.items()
    ]


def _blurred_gain(scores: SetScores) -> ComparedFigure | None:
    """Of a filter that makes several moments: what it gains where there is blur to remove."""
    low, high = BANDS["22-32"]
    groups = [
        frame.figures
        for frame in scores.frames
        if "motion" in frame.figures and low <= frame.figures["input_psnr_luma"] < high
    ]
    if not groups:
        return None
    return ComparedFigure(
        figure="blurred_gain",
        title="gain in luma PSNR over repeating the blurred frame in dB, mean over the groups "
        f"where that has {low:g} to {high:g} dB ({len(groups)})",
        value=fmean(each["restored_psnr_luma"] - each["input_psnr_luma"] for each in groups),
        published=None,
    )


def published_seconds(filter_name: str) -> PublishedWorking | None:
    """The published time a frame takes."""
    return PUBLISHED_WORKINGS.get((filter_name, "seconds"))
