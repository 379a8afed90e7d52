"""The `dblrgan` filter: each frame restored from itself and two neighbours on either side."""

from __future__ import annotations

import vapoursynth as vs

from ..errors import DeblurError
from ..manifest import load_manifest
from ..restorers import load_restorer
from .clips import check_clip, on_luma
from .windows import PROPERTIES, SKIPPED, restore_windows

__all__ = ["dblrgan"]


def dblrgan(
    clip: vs.VideoNode,
    model: str = "auto",
    guard: bool = True,
    skip_sharp: str = "clean",
    strength: float = 1.0,
    tta: int = 1,
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

    Frames in whose window the guard changed something get the property `DBLRWindow`: for each of
    the five places the offset of the frame that was taken, and then its gains in percent. Unless
    `skip_sharp` is "off", frames get `DBLRSharpness`, the share of the frame that is sharp, 0 to 1.

    Args:
        clip: Progressive YUV, GRAY or RGB clip of constant format and size, at least 16x16;
            8 to 16 bit integer, half or float. Of YUV and GRAY only luma is read and written.
        model: "fast" (a small U-Net), "quality" (the same, twice as wide), "paper" (DBLRNet, 27
            times the work of "fast"), or "auto": fast (on a GPU quality, once it is 0.3 dB better);
            of weights that are given, the model they are of.
        guard: Whether neighbours that do not belong to a frame (across a cut, under a flash or
            strobe) are brought to its light, or replaced by the nearest that do; and whether black
            bars stay as they are.
        skip_sharp: What passes untouched, and takes no time: "clean" (frames and parts of frames
            that are sharp, as nothing moves in the window or edges are as hard as in drawings, and
            have no noise to take away), "all" (also those that are noisy) or "off".
        strength: 0 = the input, 1 = the restored frame, between them a blend.
        tta: Test-time augmentation, 1, 4 or 8: each frame is the mean over so many mirrored and
            turned copies of its window, half of them reversed in time; a little better, and as
            many times the work.
        num_streams: Frames that a GPU works on at once, 1 to 8. More fill a large card with small
            frames, and take as much more memory; the CPU always takes one.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto", "tensorrt_rtx", "tensorrt", "openvino", "eager", "inductor",
            "openvino:GPU" or "openvino:NPU".
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
        "guard": guard,
        "skip_sharp": skip_sharp,
        "strength": strength,
        "tta": tta,
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
    return on_luma(
        clip,
        lambda luma: restore_windows(luma, restorer, threshold, "dblrgan"),
        properties=PROPERTIES,
        skipped=SKIPPED,
    )
