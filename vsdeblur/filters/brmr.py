"""The `brmr` filter: each frame deblurred, then refined where it is still blurred."""

from __future__ import annotations

import vapoursynth as vs

from ..errors import DeblurError
from ..frames.device_streams import DeviceStreams
from ..manifest import load_manifest
from ..restorers import load_restorer
from ..restorers.brmr.restorer import BRMRRestorer, BRMRResult
from ..runtime.heap import frame_done
from .clips import check_clip, refuse_fields
from .rgb import from_rgb, read_planes, to_rgb, write_planes

__all__ = ["brmr"]

ITERATIONS, SHARPNESS, SHARPNESS_INPUT = "BRMRIterations", "BRMRSharpness", "BRMRSharpnessInput"
WINDOWS = "BRMRWindows"
PROPERTIES = [ITERATIONS, SHARPNESS, SHARPNESS_INPUT, WINDOWS]
SKIPPED = "_VSDeblurSkipped"


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
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto", "tensorrt_rtx", "tensorrt", "eager" or "inductor".
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
    assert isinstance(restorer, BRMRRestorer)
    if output in ("heatmap", "mask"):
        return _maps(clip, restorer)
    return _pictures(clip, restorer)


def _pictures(clip: vs.VideoNode, restorer: BRMRRestorer) -> vs.VideoNode:
    """The restored clip, or the overlay, in the clip's format."""
    rgb, streams = to_rgb(clip), DeviceStreams(restorer.device)
    overlay = restorer.options.output == "overlay"

    def restore(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        source, frame = f
        try:
            refuse_fields(source)
            with streams.uploading():
                there = streams.pending(read_planes(frame, restorer.device))
            with streams.computing():
                picture = there.taken()
                result = restorer.analyse(picture, n)
                drawn = restorer.overlay(picture, result) if overlay else result.restored
                made = streams.pending(drawn)
        except DeblurError as error:
            raise vs.Error(f"brmr: {error}") from error
        with streams.downloading():
            restored = write_planes(frame, made.taken())
        _tell(restored, result)
        restored.props[SKIPPED] = result.skipped and not overlay
        frame_done()
        return restored

    # ModifyFrame alone calls `restore` one frame at a time; inside FrameEval several run at once.
    restored = rgb.std.FrameEval(
        lambda n: rgb.std.ModifyFrame([clip, rgb], restore), clip_src=[clip, rgb]
    )
    converted = from_rgb(restored, clip)
    # What is left alone comes from the clip itself: resampled chroma would not be the same.
    chosen = clip.std.FrameEval(
        lambda n, f: clip if f.props[SKIPPED] else converted,
        prop_src=restored,
        clip_src=[clip, converted],
    )
    return chosen.std.CopyFrameProps(restored, props=PROPERTIES)


def _maps(clip: vs.VideoNode, restorer: BRMRRestorer) -> vs.VideoNode:
    """The heat map or the mask, GRAYS."""
    rgb, streams = to_rgb(clip), DeviceStreams(restorer.device)
    blank = clip.std.BlankClip(format=vs.GRAYS, keep=True)
    shows_heat = restorer.options.output == "heatmap"

    def draw(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        empty, source, frame = f
        try:
            refuse_fields(source)
            with streams.uploading():
                there = streams.pending(read_planes(frame, restorer.device))
            with streams.computing():
                if shows_heat:
                    picture, sharpness = restorer.heatmap(there.taken())
                else:
                    result = restorer.analyse(there.taken(), n)
                    picture = result.mask
                made = streams.pending(picture)
        except DeblurError as error:
            raise vs.Error(f"brmr: {error}") from error
        with streams.downloading():
            drawn = write_planes(empty, made.taken()[None])
        if shows_heat:
            drawn.props[SHARPNESS_INPUT] = sharpness
        else:
            _tell(drawn, result)
        frame_done()
        return drawn

    maps = blank.std.FrameEval(
        lambda n: blank.std.ModifyFrame([blank, clip, rgb], draw), clip_src=[blank, clip, rgb]
    )
    return maps.std.CopyFrameProps(clip).std.CopyFrameProps(maps, props=PROPERTIES)


def _tell(frame: vs.VideoFrame, result: BRMRResult) -> None:
    """Write into a frame's properties how it came about."""
    frame.props[ITERATIONS] = result.iterations
    frame.props[SHARPNESS] = result.sharpness
    frame.props[SHARPNESS_INPUT] = result.sharpness_input
    if result.windows:
        frame.props[WINDOWS] = [number for window in result.windows for number in window]
