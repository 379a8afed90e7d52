"""What happens at every frame: what it holds, the window around it, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import vapoursynth as vs

from ..errors import DeblurError, UnsupportedClipError
from ..frames.frame_restorer import FrameRestorer, Plane, Source
from ..frames.luma import LumaCoding
from ..frames.ring import window_offsets
from ..restorers import Restorer
from ..runtime.host import frame_done

__all__ = [
    "PROPERTIES",
    "SKIPPED",
    "Sources",
    "Windows",
    "map_frames",
    "refuse_fields",
    "restore_windows",
]

CUT_PROPERTY = "_VSDeblurCut"
FACTS = {"window": "DBLRWindow", "sharpness": "DBLRSharpness"}
"""What the restorer calls a fact -> the frame property."""
PROPERTIES = list(FACTS.values())
SKIPPED = "_VSDeblurSkipped"
"""Set to 1 in frames that pass as they came."""

IN_FLIGHT = 4
"""Frames at work at once at most: one on its way there, one in the network, one on its way back,
and one that its thread is slow with; each further stream has another."""


class Sources:
    """What frames of a clip of constant format hold, for a `FrameRestorer`.

    Args:
        clip: YUV, GRAY or RGB clip.
        planes: How many planes of each frame are restored: 1 (luma, or grey) or 3 (RGB).
    """

    def __init__(self, clip: vs.VideoNode, planes: int) -> None:
        self._planes = range(planes)
        facts = {
            "bits": clip.format.bits_per_sample,
            "is_float": clip.format.sample_type == vs.FLOAT,
        }
        self.coding = LumaCoding(**facts)
        """How planes code brightness, but for the range: that is each frame's own."""
        self._codings = {False: self.coding, True: LumaCoding(**facts, full_range=True)}

    def of(self, frame: vs.VideoFrame) -> Source:
        """Planes of a frame, and how they code brightness: limited unless `_Range` says 1."""
        coding = self._codings[frame.props.get("_Range", 0) == 1]
        return Source(self.planes(frame), coding)

    def planes(self, frame: vs.VideoFrame) -> list[Plane]:
        """The planes that are restored; of a copy they can be written."""
        return [np.asarray(frame[index]) for index in self._planes]


class Windows:
    """The frames around each frame of a clip, from its scene alone.

    Args:
        clip: The clip.
        radius: Frames on each side.
        threshold: Mean luma difference from which frames belong to different scenes; None = believe
            `_SceneChangePrev` and `_SceneChangeNext`.
    """

    def __init__(self, clip: vs.VideoNode, radius: int, threshold: float | None) -> None:
        self._num_frames = clip.num_frames
        self._radius = radius
        self._threshold = threshold
        marked = _mark_cuts(clip) if threshold is not None else clip
        self.clips = [_shifted(marked, offset) for offset in range(-radius, radius + 1)]
        """Whose frames n are the 2 * radius + 1 frames around n, the clip's ends repeated; and then
        frame n as it came, where the others are marked."""
        if marked is not clip:
            self.clips.append(clip)

    def of(self, n: int, frames: Sequence[vs.VideoFrame]) -> tuple[list[int], list[vs.VideoFrame]]:
        """The window of frame n.

        Args:
            n: Number of the middle frame.
            frames: Frames n of `clips`.

        Returns:
            2 * radius + 1 numbers and frames; beyond a cut the last frame before it is repeated.
        """
        frames = frames[: 2 * self._radius + 1]
        offsets = window_offsets(self._cuts(n, frames))
        return [n + offset for offset in offsets], [frames[self._radius + o] for o in offsets]

    def middle(self, frames: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Of frames n of `clips` frame n, as it came."""
        return frames[self._radius if len(frames) == 2 * self._radius + 1 else -1]

    def _cuts(self, n: int, frames: Sequence[vs.VideoFrame]) -> list[bool]:
        numbers = range(n - self._radius, n + self._radius)  # each with the frame after it
        return [
            not (0 <= number < self._num_frames - 1) or self._is_cut(before, after)
            for number, before, after in zip(numbers, frames[:-1], frames[1:], strict=True)
        ]

    def _is_cut(self, before: vs.VideoFrame, after: vs.VideoFrame) -> bool:
        if self._threshold is not None:
            return float(after.props[CUT_PROPERTY + "Diff"]) >= self._threshold
        marks = before.props.get("_SceneChangeNext", 0), after.props.get("_SceneChangePrev", 0)
        return any(marks)


def map_frames(
    clip: vs.VideoNode,
    clips: Sequence[vs.VideoNode],
    make: Callable[[int, list[vs.VideoFrame]], vs.VideoFrame],
    *,
    name: str,
    like: vs.VideoNode | None = None,
) -> vs.VideoNode:
    """A clip whose frames are made of those of others, several at once.

    Args:
        clip: What the frames that are made look like.
        clips: Whose frames n go into `make`, with n.
        make: Makes a frame.
        name: The filter's name, for error messages.
        like: A clip of the length, frame rate and format of the result; None = `clip`.
    """

    def made(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        try:
            frame = make(n, f)
        except DeblurError as error:
            raise vs.Error(f"{name}: {error}") from error
        frame_done()
        return frame

    # ModifyFrame alone calls `made` one frame at a time; inside FrameEval several run at once.
    return (like or clip).std.FrameEval(lambda n: clip.std.ModifyFrame(clips, made), clip_src=clips)


def refuse_fields(frame: vs.VideoFrame) -> None:
    """Refuse an interlaced frame.

    Raises:
        UnsupportedClipError: `_FieldBased` says that it is.
    """
    field_based = frame.props.get("_FieldBased", 0)
    if field_based:
        order = {1: "bottom", 2: "top"}.get(int(field_based), "unknown")
        raise UnsupportedClipError(
            f"clip must be progressive, got field-based frames ({order} field first); deinterlace "
            "it first, or if it is progressive after all, add .std.SetFieldBased(0)"
        )


def restore_windows(
    clip: vs.VideoNode, restorer: Restorer, threshold: float | None, name: str
) -> vs.VideoNode:
    """Run a luma restorer over every frame's window.

    Args:
        clip: YUV or GRAY clip.
        restorer: One channel, one frame out per frame in.
        threshold: Scene threshold; None = believe the frame properties.
        name: Filter's name, for error messages.
    """
    in_flight = min(vs.core.num_threads, IN_FLIGHT + restorer.num_streams)
    sources, windows = Sources(clip, planes=1), Windows(clip, restorer.radius, threshold)
    frames = FrameRestorer(restorer, clip.height, clip.width, sources.coding, in_flight)

    def restore(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        middle = windows.middle(f)
        refuse_fields(middle)
        restored = middle.copy()
        numbers, window = windows.of(n, f)
        outcome = frames.restore(
            numbers, [sources.of(each) for each in window], [sources.planes(restored)]
        )
        for fact, value in outcome.facts.items():
            restored.props[FACTS[fact]] = value
        if outcome.untouched:
            restored.props[SKIPPED] = 1
        return restored

    return map_frames(clip, windows.clips, restore, name=name)


def _shifted(clip: vs.VideoNode, offset: int) -> vs.VideoNode:
    """A clip whose frame n is frame n + offset of the given one; the ends are repeated."""
    if offset < 0:
        return (clip[0] * -offset + clip)[: clip.num_frames]
    if offset > 0:
        return (clip + clip[-1] * offset)[offset:]
    return clip


def _mark_cuts(clip: vs.VideoNode) -> vs.VideoNode:
    """Give each frame its mean luma difference to the one before, as a private property."""
    return clip.std.PlaneStats(_shifted(clip, -1), plane=0, prop=CUT_PROPERTY)
