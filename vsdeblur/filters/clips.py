"""Clips of any format <-> clips of the format that a filter works in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import vapoursynth as vs

from ..errors import UnsupportedClipError
from ..frames.colour import default_matrix
from ..manifest import load_manifest

__all__ = ["check_clip", "from_rgb", "on_luma", "repeated", "to_rgb"]


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


def on_luma(
    clip: vs.VideoNode,
    filter_luma: Callable[[vs.VideoNode], vs.VideoNode],
    *,
    spread: Callable[[vs.VideoNode], vs.VideoNode] = lambda clip: clip,
    properties: Sequence[str] = (),
    skipped: str | None = None,
) -> vs.VideoNode:
    """Apply a filter for YUV and GRAY to any clip: RGB goes through YUV 4:4:4 and back.

    8-bit RGB becomes 16-bit YUV, anything deeper becomes float, so that nothing is lost on the
    way. The numbers are taken as full range whatever `_Range` says, in both directions: each
    frame keeps its own range that way. Frame properties come back as they were.

    Args:
        clip: The clip.
        filter_luma: The filter.
        spread: Gives a clip with each frame as often as the filter has frames of it.
        properties: Frame properties that the filter sets.
        skipped: A private property that it sets in frames that pass as they came.
    """
    if clip.format.color_family != vs.RGB:
        filtered = filter_luma(clip)
        return filtered.std.RemoveFrameProps(skipped) if skipped else filtered
    full_range = {"range_in": vs.RANGE_FULL, "range": vs.RANGE_FULL}
    unmarked = clip.std.RemoveFrameProps("_Range")  # the resizer believes it before `range_in`
    enough = vs.YUV444P16 if clip.format.bits_per_sample == 8 else vs.YUV444PS
    yuv = unmarked.resize.Bicubic(format=enough, matrix=vs.MATRIX_BT709, **full_range)
    filtered = filter_luma(yuv)
    rgb = filtered.resize.Bicubic(format=clip.format.id, matrix_in=vs.MATRIX_BT709, **full_range)
    source = spread(clip)
    converted = rgb
    if skipped:  # the way there and back may cost a last bit
        rgb = source.std.FrameEval(
            lambda n, f: source if f.props.get(skipped) else converted,
            prop_src=filtered,
            clip_src=[source, converted],
        )
    kept = rgb.std.CopyFrameProps(source)
    return kept.std.CopyFrameProps(filtered, props=properties) if properties else kept


def repeated(clip: vs.VideoNode, count: int) -> vs.VideoNode:
    """A clip with each frame so many times, its duration divided and the frame rate multiplied."""
    return vs.core.std.Interleave([clip] * count) if count > 1 else clip


def to_rgb(clip: vs.VideoNode) -> vs.VideoNode:
    """The clip as RGBS, read with each frame's own matrix, range and chroma siting.

    Where `_Matrix` says nothing, large frames are taken as BT.709 and small ones as BT.601.
    """
    # To the resizer fields would be pictures of their own; the filters refuse them in plain words.
    progressive = clip.std.RemoveFrameProps("_FieldBased")
    is_yuv = clip.format.color_family == vs.YUV
    matrix = {"matrix_in": default_matrix(clip.width, clip.height)} if is_yuv else {}
    return progressive.resize.Bicubic(format=vs.RGBS, **matrix)


def from_rgb(rgb: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """An RGBS clip in another clip's format, each frame with that clip's matrix, range and siting.

    Args:
        rgb: RGBS clip.
        clip: A clip of the same size and length; frame properties come from it, all of them.
    """
    is_rgb = clip.format.color_family == vs.RGB
    converted: dict[tuple[object, ...], vs.VideoNode] = {}

    def convert(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        props = f.props
        target = {"range": int(props.get("_Range", vs.RANGE_FULL if is_rgb else vs.RANGE_LIMITED))}
        if not is_rgb:
            matrix = int(props.get("_Matrix", vs.MATRIX_UNSPECIFIED))
            unknown = matrix == vs.MATRIX_UNSPECIFIED
            target["matrix"] = default_matrix(clip.width, clip.height) if unknown else matrix
        if "_ChromaLocation" in props:
            target["chromaloc"] = int(props["_ChromaLocation"])
        key = tuple(target.items())
        if key not in converted:
            converted[key] = rgb.resize.Bicubic(format=clip.format.id, **target)
        return converted[key]

    result = clip.std.FrameEval(convert, prop_src=clip, clip_src=[rgb])
    return result.std.CopyFrameProps(clip)
