"""Windows of neighbouring frames that do not cross a scene change, each frame uploaded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock

import vapoursynth as vs

from ..restorers import window_offsets

__all__ = ["FrameCache", "frame_offsets", "mark_cuts", "shifted"]

CUT_PROPERTY = "_VSDeblurCut"


class FrameCache[Item]:
    """What was made of the frames used last (tensors, or groups of them), by frame number.

    Several threads may ask for the same frame at once: one makes it, the others wait for it.

    Args:
        capacity: Frames kept at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: OrderedDict[int, Future[Item]] = OrderedDict()
        self._lock = Lock()

    def get(self, number: int, make: Callable[[], Item]) -> Item:
        """What was made of a frame; `make` is called if it is not there."""
        with self._lock:
            future = self._frames.get(number)
            mine = future is None
            if future is None:
                future = self._frames[number] = Future()
                while len(self._frames) > self._capacity:
                    self._frames.popitem(last=False)
            else:
                self._frames.move_to_end(number)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                with self._lock:
                    self._frames.pop(number, None)
        return future.result()


def shifted(clip: vs.VideoNode, offset: int) -> vs.VideoNode:
    """A clip whose frame n is frame n + offset of the given one; the ends are repeated."""
    if offset < 0:
        return (clip[0] * -offset + clip)[: clip.num_frames]
    if offset > 0:
        return (clip + clip[-1] * offset)[offset:]
    return clip


def mark_cuts(clip: vs.VideoNode) -> vs.VideoNode:
    """Give each frame its mean luma difference to the one before, as a private property."""
    return clip.std.PlaneStats(shifted(clip, -1), plane=0, prop=CUT_PROPERTY)


def frame_offsets(
    n: int, num_frames: int, frames: Sequence[vs.VideoFrame], threshold: float | None
) -> list[int]:
    """Which frames fill the window of frame n, as offsets from it.

    Args:
        n: Number of the middle frame.
        num_frames: Length of the clip.
        frames: The 2 * radius + 1 frames around n, the clip's ends repeated.
        threshold: Difference from which frames belong to different scenes; None = believe
            `_SceneChangePrev` and `_SceneChangeNext`.
    """
    radius = len(frames) // 2
    numbers = range(n - radius, n + radius)  # each with the frame after it
    cuts = [
        not (0 <= number < num_frames - 1) or _is_cut(before, after, threshold)
        for number, before, after in zip(numbers, frames[:-1], frames[1:], strict=True)
    ]
    return window_offsets(cuts)


def _is_cut(before: vs.VideoFrame, after: vs.VideoFrame, threshold: float | None) -> bool:
    if threshold is not None:
        return float(after.props[CUT_PROPERTY + "Diff"]) >= threshold
    return bool(before.props.get("_SceneChangeNext", 0) or after.props.get("_SceneChangePrev", 0))
