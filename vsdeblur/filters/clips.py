"""VapourSynth frames <-> luma tensors, and the clips that a luma filter takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import vapoursynth as vs

from ..errors import UnsupportedClipError
from ..frames.luma import LumaCoding
from ..manifest import load_manifest

__all__ = ["check_clip", "coding_of", "coding_of_clip", "on_luma", "repeated", "write_luma"]


def check_clip(clip: object) -> vs.VideoNode:
    """Refuse what no filter of ours can work on.

    Raises:
        UnsupportedClipError: Not a clip, or one of variable format or size, too small,
            GPU-resident, or of an unknown sample type. Whether it is field-based only its
            frames tell: `refuse_fields`.
    """
    if not isinstance(clip, vs.VideoNode):
        raise UnsupportedClipError(f"clip must be a video clip, got {type(clip).__name__}")
    if clip.format is None or clip.format.color_family == vs.UNDEFINED or not clip.width:
        raise UnsupportedClipError(
            "clip must have constant format and size, got variable; resize it to one format "
            "and size first"
        )
    plugin = load_manifest()
    if clip.width < plugin.min_width or clip.height < plugin.min_height:
        raise UnsupportedClipError(
            f"clip must be at least {plugin.min_width}x{plugin.min_height}, "
            f"got {clip.width}x{clip.height}"
        )
    if getattr(clip, "gpu_resident", False):
        raise UnsupportedClipError(
            "clip must be in main memory, got a GPU-resident clip; add .std.GPUDownload() first"
        )
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > 16:
        raise UnsupportedClipError(
            f"clip must have 8 to 16 bit integer or floating-point samples, got {clip.format.name}"
        )
    return clip


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


def coding_of(frame: vs.VideoFrame) -> LumaCoding:
    """How a YUV or GRAY frame codes luma; limited range unless `_Range` says 1 (full)."""
    return LumaCoding(
        bits=frame.format.bits_per_sample,
        is_float=frame.format.sample_type == vs.FLOAT,
        full_range=frame.props.get("_Range", 0) == 1,
    )


def coding_of_clip(clip: vs.VideoNode) -> LumaCoding:
    """How a YUV or GRAY clip codes luma, but for the range: that is each frame's own."""
    return LumaCoding(
        bits=clip.format.bits_per_sample, is_float=clip.format.sample_type == vs.FLOAT
    )


def write_luma(frame: vs.VideoFrame, plane: np.ndarray) -> vs.VideoFrame:
    """A copy of a frame with another luma plane (H, W); chroma and properties stay."""
    copy = frame.copy()
    np.copyto(np.asarray(copy[0]), plane)
    return copy


def on_luma(
    clip: vs.VideoNode,
    filter_luma: Callable[[vs.VideoNode], vs.VideoNode],
    *,
    multiplier: int = 1,
    properties: Sequence[str] = (),
) -> vs.VideoNode:
    """Apply a filter for YUV and GRAY to any clip: RGB goes through YUV 4:4:4 and back.

    8-bit RGB becomes 16-bit YUV, anything deeper becomes float, so that nothing is lost on the
    way. The numbers are taken as full range whatever `_Range` says, in both directions: each
    frame keeps its own range that way. Frame properties come back as they were.
    """
    if clip.format.color_family != vs.RGB:
        return filter_luma(clip)
    full_range = {"range_in": vs.RANGE_FULL, "range": vs.RANGE_FULL}
    unmarked = clip.std.RemoveFrameProps("_Range")  # the resizer believes it before `range_in`
    enough = vs.YUV444P16 if clip.format.bits_per_sample == 8 else vs.YUV444PS
    yuv = unmarked.resize.Bicubic(format=enough, matrix=vs.MATRIX_BT709, **full_range)
    filtered = filter_luma(yuv)
    rgb = filtered.resize.Bicubic(format=clip.format.id, matrix_in=vs.MATRIX_BT709, **full_range)
    kept = rgb.std.CopyFrameProps(repeated(clip, multiplier))
    return kept.std.CopyFrameProps(filtered, props=properties) if properties else kept


def repeated(clip: vs.VideoNode, count: int) -> vs.VideoNode:
    """A clip with each frame so many times, its duration divided and the frame rate multiplied."""
    return vs.core.std.Interleave([clip] * count) if count > 1 else clip
