"""Black bars around a picture: a network of windows lets the picture's light into them.

Where a picture is letterboxed or pillarboxed the rows or columns of its bars are black from edge to
edge. They need no help, and stay as they are. The rule is our own.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["inside_bars"]

BLACK = 4 / 255
"""Luma up to which a row counts as black: coding leaves that much of nothing."""


def inside_bars(frame: Tensor) -> Tensor | None:
    """Where a picture has no black bars.

    Args:
        frame: (H, W), luma in [0, 1], of any floating-point type, on any device.

    Returns:
        (H, W), true within the bars' frame; None where a frame on the CPU has none. (On a GPU
        nothing is read back: that would wait for it.)
    """
    edges = frame[0], frame[-1], frame[:, 0], frame[:, -1]
    if frame.device.type == "cpu" and not any(float(edge.amax()) <= BLACK for edge in edges):
        return None
    # NaN is not black: it is to be seen.
    rows, columns = (_between(~(frame.amax(axis) <= BLACK)) for axis in (1, 0))
    return rows[:, None] & columns[None]


def _between(lit: Tensor) -> Tensor:
    """Of a row of marks, all from the first that is set to the last."""
    from_start = lit.cumsum(0) > 0
    from_end: Tensor = lit.flip(0).cumsum(0).flip(0) > 0
    return from_start & from_end
