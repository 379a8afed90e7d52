"""The `brmr` filter: each frame deblurred, then refined where it is still blurred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import vapoursynth as vs

from ..errors import DeblurError
from ..frames.frame_restorer import FrameRestorer
from ..manifest import load_manifest
from ..restorers import Restorer, load_restorer
from .clips import check_clip, from_rgb, to_rgb
from .windows import Sources, map_frames, refuse_fields

__all__ = ["brmr"]

IN_FLIGHT = 4
"""Frames at work at once at most: the networks take one at a time, others are on their way."""
WINDOWS, SKIPPED = "BRMRWindows", "_VSDeblurSkipped"
FACTS = {
    "iterations": "BRMRIterations",
    "sharpness": "BRMRSharpness",
    "sharpness_input": "BRMRSharpnessInput",
    "skipped": SKIPPED,
}
"""What the restorer calls a fact -> the frame property."""
PROPERTIES = ["BRMRIterations", "BRMRSharpness", "BRMRSharpnessInput", WINDOWS]


def brmr(
    clip: vs.VideoNode,
    max_iterations: int = 16,
    regions: int = 1,
    feather: int = 8,
    dropout: bool = False,
    seed: int = 0,
    output: str = "restored",
    skip_above: float | None = None,
    strength: float = 1.0,
    model: str = "fast",
    tta: int = 1,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    tile: tuple[int, int] | None = None,
    weights: str | None = None,
    cache: str | None = None,
) -> vs.VideoNode:
    """Remove blur frame by frame, or show where it is (paper 000, adversarial BRMR).

    Frames get the properties `BRMRIterations` (rounds in which a region was accepted),
    `BRMRSharpnessInput` and `BRMRSharpness` (the critic's confidence, 0 to 1, that the input and
    the result are sharp) and, if regions were accepted, `BRMRWindows` (left, top, width and height
    of each, in pixels).

    Args:
        clip: Progressive YUV, GRAY or RGB clip of constant format and size, at least 16x16;
            8 to 16 bit integer, half or float.
        max_iterations: Rounds of mining and refining at most; 0 = the image generator's picture.
        regions: Regions refined in a round; 1 is the paper's.
        feather: Pixels over which a refined region is blended into the frame; 0 is the paper's.
        dropout: Whether the generators drop features out at random, as in the paper.
        seed: Seeds the dropout, together with the frame's number.
        output: "restored"; "heatmap" (GRAYS, 0 to 1: where the input is blurred; it has
            `BRMRSharpnessInput` alone); "mask" (GRAYS, 0 to 1: where refined regions were put); or
            "overlay" (the heat map over the input, the regions outlined).
        skip_above: Frames whose `BRMRSharpnessInput` is above this pass untouched; None = none.
        strength: 0 = the input, 1 = the restored frame, between them a blend.
        model: "fast" or "paper".
        tta: Test-time augmentation, 1, 4 or 8: the image generator's picture is the mean over so
            many mirrored and turned copies; a little better, and as many times the work.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto", "tensorrt_rtx", "tensorrt", "openvino", "eager", "inductor",
            "openvino:GPU" or "openvino:NPU".
        tile: Width and height of tiles in pixels; None = whole frames where they fit into memory.
        weights: A .safetensors file to use in place of the packaged weights.
        cache: Folder of compiled engines; None = that of VSDEBLUR_CACHE, or the user's.

    Returns:
        A clip of the same format, size, length and frame properties; GRAYS for "heatmap" and
        "mask".

    Raises:
        vs.Error: The clip or an option is not allowed, the device is not here, or the weights
            are missing or damaged; the text begins with "brmr: ". A field-based frame, or a tile
            too small for the model, is refused when the first frame is asked for.
    """
    options = {
        "max_iterations": max_iterations,
        "regions": regions,
        "feather": feather,
        "dropout": dropout,
        "seed": seed,
        "output": output,
        "skip_above": skip_above,
        "strength": strength,
        "model": model,
        "tta": tta,
        "device": device,
        "precision": precision,
        "backend": backend,
        "tile": tile,
        "weights": weights,
        "cache": cache,
    }
    try:
        clip = check_clip(clip)
        checked = load_manifest().filter("brmr").check(options)
        restorer = load_restorer("brmr", **checked)
    except DeblurError as error:
        raise vs.Error(f"brmr: {error}") from error
    if output in ("heatmap", "mask"):
        return _maps(clip, restorer)
    return _pictures(clip, restorer, is_overlay=output == "overlay")


def _pictures(clip: vs.VideoNode, restorer: Restorer, *, is_overlay: bool) -> vs.VideoNode:
    """The restored clip, or the overlay, in the clip's format."""
    rgb = to_rgb(clip)
    sources = Sources(rgb, planes=3)
    frames = _frame_restorer(rgb, sources, restorer)

    def restore(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame, source = f
        refuse_fields(source)
        restored = frame.copy()
        outcome = frames.restore([n], [sources.of(frame)], [sources.planes(restored)])
        _tell(restored, outcome.facts)
        restored.props[SKIPPED] &= not is_overlay
        return restored

    restored = map_frames(rgb, [rgb, clip], restore, name="brmr")
    converted = from_rgb(restored, clip)
    if not is_overlay:  # the change is added: what is left alone keeps its code values, chroma too
        unchanged = from_rgb(rgb, clip)
        converted = vs.core.std.Expr([clip, converted, unchanged], "x y z - +")
    # What is left alone comes from the clip itself: resampled chroma would not be the same.
    chosen = clip.std.FrameEval(
        lambda n, f: clip if f.props[SKIPPED] else converted,
        prop_src=restored,
        clip_src=[clip, converted],
    )
    return chosen.std.CopyFrameProps(restored, props=PROPERTIES)


def _maps(clip: vs.VideoNode, restorer: Restorer) -> vs.VideoNode:
    """The heat map or the mask, GRAYS."""
    rgb = to_rgb(clip)
    blank = clip.std.BlankClip(format=vs.GRAYS, keep=True)
    sources = Sources(rgb, planes=3)
    frames = _frame_restorer(rgb, sources, restorer)

    def draw(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        empty, source, frame = f
        refuse_fields(source)
        drawn = empty.copy()
        outcome = frames.restore([n], [sources.of(frame)], [[np.asarray(drawn[0])]])
        _tell(drawn, outcome.facts)
        return drawn

    maps = map_frames(blank, [blank, clip, rgb], draw, name="brmr")
    return maps.std.CopyFrameProps(clip).std.CopyFrameProps(maps, props=PROPERTIES)


def _frame_restorer(rgb: vs.VideoNode, sources: Sources, restorer: Restorer) -> FrameRestorer:
    in_flight = min(vs.core.num_threads, IN_FLIGHT)
    return FrameRestorer(restorer, rgb.height, rgb.width, sources.coding, in_flight)


def _tell(frame: vs.VideoFrame, facts: Mapping[str, Any]) -> None:
    """Write into a frame's properties how it came about."""
    for fact, name in FACTS.items():
        if fact in facts:
            frame.props[name] = facts[fact]
    if facts.get("windows"):
        frame.props[WINDOWS] = [number for window in facts["windows"] for number in window]
