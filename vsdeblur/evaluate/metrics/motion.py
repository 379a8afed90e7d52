"""Whether the moments of a group really move, and as the true ones did.

Seven times the same picture has a fair PSNR and no motion. So the optical flow between the first
and the last moment (OpenCV DIS, medium) is compared with the true one, as in table 1 of paper 002,
and so is what changes from one moment to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..scores import Figures
from .flicker import dis_flow
from .moment_direction import LEAST_MOTION, motion_of, runs_right

__all__ = [
    "LEAST_CHANGE",
    "MOST_ERROR",
    "MotionScore",
    "end_point_error",
    "motion_figures",
    "score_motion",
]

MOST_ERROR = 0.6
"""Motion is real where the end-point error is at most this share of a still sequence's."""
LEAST_CHANGE = 0.2
"""And where neighbouring moments differ by at least this share of what the sharp ones do. Moments
that are restored in part change less than sharp ones."""

type Flow = NDArray[np.float32]
"""(2, H, W), (x, y) in pixels: where each place of the first moment is in the last."""


def motion_figures(
    given: Tensor, ordered: Tensor, sharp: Tensor, true_flow: Flow | None
) -> dict[str, float]:
    """Figures of a group's motion; "input" is a still sequence, "sharp" what can be had.

    Args:
        given: (M, 1, H, W), 8-bit luma as whole numbers, in the order of the filter.
        ordered: The same in the better order of two.
        sharp: As `given`, the true moments.
        true_flow: None = not known: the flow between the sharp ones stands for it.
    """
    flow = _flow_of(sharp) if true_flow is None else true_flow
    still = np.zeros_like(flow)
    flows = {"input": still, "restored": _flow_of(ordered)}
    if true_flow is not None:
        flows["sharp"] = _flow_of(sharp)
    figures = {"motion": motion_of(flow)}
    for state, found in flows.items():
        error = end_point_error(found, flow)
        if error is not None:
            figures[f"{state}_epe"] = error
    for state, moments in (("input", sharp[:1]), ("restored", given), ("sharp", sharp)):
        figures[f"{state}_step"] = _mean_step(moments)
    if figures["motion"] > LEAST_MOTION:
        figures["right_way"] = float(runs_right(given, sharp))
    return figures


def end_point_error(flow: Flow, true: Flow) -> float | None:
    """Mean distance of where a flow leads from where the true one does, in pixels.

    Places that leave the frame do not count: nothing in it tells where they went.

    Returns:
        None where all places leave it.
    """
    height, width = true.shape[1:]
    x = np.arange(width) + true[0]
    y = np.arange(height)[:, None] + true[1]
    stays = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if not stays.any():
        return None
    return float(np.hypot(*(flow - true))[stays].mean(dtype=np.float64))


@dataclass(frozen=True, kw_only=True)
class MotionScore:
    """How the groups of a set move, of those that move at all."""

    groups: int
    """Groups of more than `LEAST_MOTION` pixels of motion; the figures are theirs."""
    end_point_error: float
    """Median, in pixels."""
    still_error: float
    """The same of a still sequence."""
    change: float
    """Mean difference of neighbouring moments, in 8-bit levels."""
    sharp_change: float
    """The same of the sharp moments."""
    right_way: float
    """Share of the groups that run as the true moments did."""

    @property
    def error_share(self) -> float:
        """End-point error, of a still sequence's."""
        return self.end_point_error / self.still_error

    @property
    def change_share(self) -> float:
        """Difference of neighbouring moments, of the sharp ones'."""
        return self.change / self.sharp_change if self.sharp_change else 0.0

    @property
    def is_real(self) -> bool:
        """Whether the motion is real: a still sequence fails."""
        return self.error_share <= MOST_ERROR and self.change_share >= LEAST_CHANGE


def score_motion(figures: Sequence[Figures]) -> MotionScore | None:
    """Put together the figures of `motion_figures`; None where no group moves."""
    moving = [group for group in figures if "right_way" in group and "restored_epe" in group]
    if not moving:
        return None
    return MotionScore(
        groups=len(moving),
        end_point_error=median(group["restored_epe"] for group in moving),
        still_error=median(group["input_epe"] for group in moving),
        change=fmean(group["restored_step"] for group in moving),
        sharp_change=fmean(group["sharp_step"] for group in moving),
        right_way=fmean(group["right_way"] for group in moving),
    )


def _flow_of(moments: Tensor) -> Flow:
    """From the first moment to the last."""
    first, last = (moments[n, 0].byte().cpu().numpy() for n in (0, -1))
    return dis_flow(first, last).transpose(2, 0, 1)


def _mean_step(moments: Tensor) -> float:
    """Mean absolute difference of neighbouring moments; 0 for a single one."""
    if len(moments) == 1:
        return 0.0
    return float(torch.diff(moments, dim=0).abs().mean(dtype=torch.float64))
