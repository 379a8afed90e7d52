"""The `dblrgan` filter: each frame restored from itself and two neighbours on either side."""

from __future__ import annotations

from typing import cast

import numpy as np
import vapoursynth as vs

from ..errors import DeblurError
from ..frames.luma import LumaCoding
from ..frames.plane_restorer import PlaneRestorer
from ..manifest import load_manifest
from ..restorers import load_restorer
from ..restorers.base import LumaRestorer
from ..runtime.heap import frame_done
from .clips import check_clip, coding_of, coding_of_clip, on_luma, refuse_fields
from .windows import frame_offsets, mark_cuts, shifted

__all__ = ["dblrgan", "restore_windows"]

IN_FLIGHT = 4
"""Frames at work at once at most: one on its way there, one in the network, one on its way back,
and one that its thread is slow with; each further stream has another."""


def dblrgan(
    clip: vs.VideoNode,
    model: str = "fast",
    num_streams: int = 1,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    tile: tuple[int, int] | None = None,
    scene_threshold: float | None = None,
    weights: str | None = None,
    cache: str | None = None,
) -> vs.VideoNode:
    """Remove motion blur from a clip (paper 001, DBLRGAN).

    Args:
        clip: Progressive YUV, GRAY or RGB clip of constant format and size, at least 16x16;
            8 to 16 bit integer, half or float. Of YUV and GRAY only luma is read and written.
        model: "fast" (a small U-Net) or "paper" (DBLRNet, 27 times the work).
        num_streams: Frames that a GPU works on at once, 1 to 8. More fill a large card with small
            frames, and take as much more memory; the CPU always takes one.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto", "tensorrt_rtx", "tensorrt", "eager" or "inductor".
        tile: Width and height of tiles in pixels; None = whole frames where they fit into memory.
        scene_threshold: Mean luma difference (0 to 1) from which two frames belong to different
            scenes; None = believe `_SceneChangePrev` and `_SceneChangeNext` where present.
        weights: A .safetensors file to use in place of the packaged weights.
        cache: Folder of compiled engines; None = that of VSDEBLUR_CACHE, or the user's.

    Returns:
        A clip of the same format, size, length and frame properties.

    Raises:
        vs.Error: The clip or an option is not allowed, the device is not here, or the weights
            are missing or damaged; the text begins with "dblrgan: ". A field-based frame, or a
            tile too small for the model, is refused when the first frame is asked for.
    """
    options = {
        "model": model,
        "num_streams": num_streams,
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
        checked = load_manifest().filter("dblrgan").check(options)
        threshold = checked.pop("scene_threshold")
        restorer = load_restorer("dblrgan", **checked)
    except DeblurError as error:
        raise vs.Error(f"dblrgan: {error}") from error
    in_steps = cast(LumaRestorer, restorer)
    return on_luma(clip, lambda luma: restore_windows(luma, in_steps, threshold, "dblrgan"))


def restore_windows(
    clip: vs.VideoNode, restorer: LumaRestorer, threshold: float | None, name: str
) -> vs.VideoNode:
    """Run a luma restorer over every frame's window.

    Args:
        clip: YUV or GRAY clip.
        restorer: One channel, one frame out per frame in.
        threshold: Scene threshold; None = believe the frame properties.
        name: Filter's name, for error messages.
    """
    num_frames, radius = clip.num_frames, restorer.radius
    in_flight = min(vs.core.num_threads, IN_FLIGHT + restorer.num_streams)
    planes = PlaneRestorer(restorer, clip.height, clip.width, coding_of_clip(clip), in_flight)
    marked = mark_cuts(clip) if threshold is not None else clip
    clips = [shifted(marked, offset) for offset in range(-radius, radius + 1)]
    if marked is not clip:
        clips.append(clip)

    def restore(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        window = f[: 2 * radius + 1]
        middle = window[radius] if marked is clip else f[-1]

        def read(number: int) -> tuple[np.ndarray, LumaCoding]:
            frame = window[radius + number - n]
            return np.asarray(frame[0]), coding_of(frame)

        try:
            refuse_fields(middle)
            offsets = frame_offsets(n, num_frames, window, threshold)
            restored = middle.copy()
            planes.restore([n + offset for offset in offsets], read, np.asarray(restored[0]))
        except DeblurError as error:
            raise vs.Error(f"{name}: {error}") from error
        frame_done()
        return restored

    # ModifyFrame alone calls `restore` one frame at a time; inside FrameEval several run at once.
    return clip.std.FrameEval(lambda n: clip.std.ModifyFrame(clips, restore), clip_src=clips)
