"""Temporal consistency: how much a video changes along its own motion.

A video flickers where a frame, moved along the true motion, differs from the next one. The motion
is taken from the sharp frames, with OpenCV's DIS optical flow, so that it is the same for every
method. Pixels count where the flow forth and the flow back agree (the test of Sundaram et al.,
ECCV 2010, as used by Lai et al., ECCV 2018, for this figure) and lead to a place inside the frame.
The figure is the mean absolute difference of 8-bit luma over these pixels, in levels. The same
figure of the sharp frames is the floor that flow and noise leave; a restorer that makes flicker
lies above it and above its blurred input.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameMotion", "dis_flow", "motion_between", "warping_error"]

Plane = NDArray[np.uint8]


class FrameMotion(NamedTuple):
    """Where the pixels of a frame were in the frame before."""

    positions: NDArray[np.float32]
    """(H, W, 2): x and y in the frame before, in pixels."""
    valid: NDArray[np.bool_]
    """(H, W): pixels seen in both frames."""


def motion_between(before: Plane, frame: Plane) -> FrameMotion:
    """Motion from a sharp frame to the one before.

    Args:
        before: (H, W), luma of the sharp frame before.
        frame: (H, W), luma of the sharp frame.
    """
    flow = dis_flow(frame, before)
    height, width = frame.shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    positions = grid + flow
    back = _sampled(dis_flow(before, frame), positions)
    disagreement = np.square(flow + back).sum(-1)
    allowed = 0.01 * (np.square(flow).sum(-1) + np.square(back).sum(-1)) + 0.5
    inside = ((positions >= 0) & (positions <= [width - 1, height - 1])).all(-1)
    return FrameMotion(positions, (disagreement <= allowed) & inside)


def warping_error(before: Plane, frame: Plane, motion: FrameMotion) -> float | None:
    """Mean absolute difference between a frame and the one before, moved onto it.

    Args:
        before: (H, W), luma of the frame before.
        frame: (H, W), luma of the frame.
        motion: From `motion_between`, of the sharp frames.

    Returns:
        8-bit levels; None where no pixel is seen in both frames.
    """
    if not motion.valid.any():
        return None
    warped = _sampled(before.astype(np.float32), motion.positions)
    return float(np.abs(frame - warped)[motion.valid].mean())


def dis_flow(start: Plane, end: Plane) -> NDArray[np.float32]:
    """Optical flow between two pictures, by OpenCV's DIS (medium).

    Args:
        start: (H, W), luma, at least 12 pixels high and wide.
        end: As `start`.

    Returns:
        (H, W, 2): where each pixel of `start` goes, (x, y) in pixels.
    """
    import cv2

    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start, end = np.ascontiguousarray(start), np.ascontiguousarray(end)
    return np.asarray(estimator.calc(start, end, None), np.float32)  # type: ignore[call-overload]


def _sampled(picture: NDArray[np.float32], positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture's values at positions between its pixels, bilinear; edges are repeated."""
    import cv2

    x, y = (np.ascontiguousarray(positions[..., axis]) for axis in (0, 1))
    sampled = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32)
