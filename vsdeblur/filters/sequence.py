"""The `sequence` filter: each blurred frame opened into the moments of its exposure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import vapoursynth as vs

from ..errors import DeblurError, OptionError, UnsupportedClipError
from ..frames.chroma_motion import ChromaMotion, require_opencv
from ..frames.frame_restorer import FrameRestorer, Plane
from ..frames.ring import FrameRing
from ..manifest import load_manifest
from ..restorers import Restorer, load_restorer
from ..restorers.sequence import multiplier_of
from ..runtime.compile import announce
from .clips import check_clip, on_luma
from .frame_times import TIME_PROPERTIES
from .moment_clips import EvenMoments, MomentLayout, MomentsAtRate, rate_choice
from .windows import Sources, Windows, map_frames, refuse_fields

__all__ = ["sequence"]

MOST_FRAMES = 2**31 - 1
"""Frames that a clip can have."""


def sequence(
    clip: vs.VideoNode,
    depth: int = 1,
    order: bool = True,
    chroma: str = "flow",
    exposure: float = 1.0,
    model: str = "fast",
    tta: int = 1,
    moments: int | None = None,
    fps: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    tile: tuple[int, int] | None = None,
    scene_threshold: float | None = None,
    weights: str | None = None,
    cache: str | None = None,
) -> vs.VideoNode:
    """Open each frame into the sharp moments of its exposure (paper 002).

    Frames get the property `SequenceIndex`, the moment's number in its group from 0. Durations are
    divided, and the frame rate is multiplied where it is constant: the clip takes the same time as
    before, and `std.AssumeFPS` makes slow motion of it. All other properties are those of the
    frame that was opened, but for `_AbsoluteTime`, which is moved, and the marks of scene changes,
    which only the first and the last moment keep.

    With `exposure` below 1 the frame rate varies: the moments follow one another at the pace of
    the exposure, and the last one lasts until the next group. It has `SequenceGapNum` and
    `SequenceGapDen`, the seconds between the end of the exposure and the next group.

    Args:
        clip: Progressive YUV, GRAY or RGB clip of constant format and size, at least 16x16;
            8 to 16 bit integer, half or float.
        depth: 1 gives 7 frames for each, 2 gives 42, 3 gives 287.
        order: Whether the neighbouring frames decide which way time runs in each group; False =
            the network alone.
        chroma: "flow" (Cb and Cr move with the luma; needs OpenCV) or "static" (they stay, as in
            the paper).
        exposure: Part of the frame interval in which the shutter was open, 0.01 to 1; the moments
            are spread over it.
        model: "fast" or "paper".
        tta: Test-time augmentation, 1, 4 or 8: each moment is the mean over so many mirrored and
            turned copies; a little better, and as many times the work.
        moments: How many of the moments of each frame are given, 2 to 7, nearest to even steps;
            None = all.
        fps: Frames a second to give, each the nearest moment, in place of a number of each frame;
            above the clip's rate, and at most 7 (42, 287) times as many.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto", "tensorrt_rtx", "tensorrt", "openvino", "eager", "inductor",
            "openvino:GPU" or "openvino:NPU".
        tile: Width and height of tiles in pixels; None = whole frames where they fit into memory.
        scene_threshold: Mean luma difference (0 to 1) from which two frames belong to different
            scenes; None = believe `_SceneChangePrev` and `_SceneChangeNext` where present. A
            neighbour from another scene does not decide the order.
        weights: A .safetensors file to use in place of the packaged weights.
        cache: Folder of compiled engines; None = that of VSDEBLUR_CACHE, or the user's.

    Returns:
        A clip of the same format and size with 7, 42 or 287 times as many frames, or as many as
        `moments` or `fps` say.

    Raises:
        vs.Error: The clip or an option is not allowed, the device is not here, OpenCV is missing,
            or the weights are missing or damaged; the text begins with "sequence: ". A
            field-based frame, or a tile too small for the model, is refused when the first frame
            is asked for.
    """
    options = {
        "depth": depth,
        "order": order,
        "chroma": chroma,
        "exposure": exposure,
        "model": model,
        "tta": tta,
        "moments": moments,
        "fps": fps,
        "device": device,
        "precision": precision,
        "backend": backend,
        "tile": tile,
        "scene_threshold": scene_threshold,
        "weights": weights,
        "cache": cache,
    }
    try:
        clip = check_clip(clip)
        checked = load_manifest().filter("sequence").check(options)
        layout = _layout(clip, checked)
        _check_length(clip, layout)
        if checked["chroma"] == "flow" and clip.format.color_family != vs.GRAY:
            require_opencv()
        threshold = checked.pop("scene_threshold")
        restorer = load_restorer("sequence", **checked)
    except DeblurError as error:
        raise vs.Error(f"sequence: {error}") from error
    return on_luma(
        clip,
        lambda luma: _opened(luma, restorer, threshold, layout),
        spread=layout.spread,
        properties=TIME_PROPERTIES,
    )


def _layout(clip: vs.VideoNode, checked: Mapping[str, Any]) -> MomentLayout:
    """Which moments are shown, and when.

    Raises:
        OptionError: The options do not go together, or the rate cannot be had.
        UnsupportedClipError: The clip has no constant rate, and one is wanted.
    """
    exposure = Fraction(checked["exposure"]).limit_denominator(1000)
    every, count, fps = multiplier_of(checked["depth"]), checked["moments"], checked["fps"]
    if fps is None:
        return EvenMoments(every if count is None else count, every, exposure)
    if count is not None:
        raise OptionError("give moments or fps, not both")
    choice = rate_choice(clip, fps, every, exposure)
    if choice.told:
        announce(choice.told)
    return MomentsAtRate(choice)


def _check_length(clip: vs.VideoNode, layout: MomentLayout) -> None:
    """Refuse a clip that would become too long.

    Raises:
        UnsupportedClipError: It would.
    """
    most = int(MOST_FRAMES / layout.most)
    if clip.num_frames > most:
        raise UnsupportedClipError(
            f"clip must have at most {most} frames to give {float(layout.most):g} of each, got "
            f"{clip.num_frames}; cut it, or use a smaller depth"
        )


@dataclass(frozen=True)
class _Moments:
    """The moments of a frame."""

    luma: list[Plane]
    """Code values."""
    motion: ChromaMotion | None
    """None = chroma stays."""


def _opened(
    clip: vs.VideoNode, restorer: Restorer, threshold: float | None, layout: MomentLayout
) -> vs.VideoNode:
    """The moments of a YUV or GRAY clip."""
    in_flight = 2 + int(vs.core.num_threads / layout.most)
    opener, windows = _Opener(clip, restorer, in_flight), Windows(clip, restorer.radius, threshold)
    opened: FrameRing[_Moments] = FrameRing(in_flight)
    clips = [layout.spread(each) for each in windows.clips]

    def moment(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        middle = windows.middle(f)
        number, index = layout.place(n)
        refuse_fields(middle)
        frame = middle.copy()
        window = windows.of(number, f)
        with opened.window([number], lambda *_: opener.moments(*window)) as (moments,):
            np.copyto(np.asarray(frame[0]), moments.luma[index])
            if moments.motion is not None:
                _move_chroma(frame, moments.motion, index)
        layout.write_times(frame.props, n)
        return frame

    times = many = layout.spread(clip)
    varies = restorer.exposure < 1 and isinstance(layout, EvenMoments)
    if varies:  # the last moment of each group lasts longer
        times = times.std.BlankClip(fpsnum=0, fpsden=1, keep=True)
    return map_frames(many, clips, moment, name="sequence", like=times)


class _Opener:
    """Opens frames of a YUV or GRAY clip."""

    def __init__(self, clip: vs.VideoNode, restorer: Restorer, in_flight: int) -> None:
        self._multiplier = restorer.multiplier
        self._sources = Sources(clip, planes=1)
        self._moves_chroma = restorer.moves_chroma and clip.format.num_planes > 1
        self._frames = FrameRestorer(
            restorer, clip.height, clip.width, self._sources.coding, in_flight
        )

    def moments(self, numbers: list[int], window: list[vs.VideoFrame]) -> _Moments:
        """The moments of a window's middle frame."""
        sources = [self._sources.of(frame) for frame in window]
        middle = window[len(window) // 2]
        luma = [np.empty_like(sources[0].planes[0]) for _ in range(self._multiplier)]
        outcome = self._frames.restore(numbers, sources, [[plane] for plane in luma])
        if not self._moves_chroma:
            return _Moments(luma, None)
        return _Moments(luma, ChromaMotion(outcome.pictures, np.asarray(middle[1]).shape))


def _move_chroma(frame: vs.VideoFrame, motion: ChromaMotion, index: int) -> None:
    """Give a writable frame the chroma of a moment."""
    planes = [np.asarray(frame[plane]) for plane in range(1, frame.format.num_planes)]
    for plane, moved in zip(planes, motion.planes(planes, index), strict=True):
        np.copyto(plane, moved)
