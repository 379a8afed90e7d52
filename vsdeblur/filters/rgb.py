"""Clips of any format <-> RGBS clips, and RGBS frames <-> tensors, for filters that work in RGB."""

from __future__ import annotations

import numpy as np
import torch
import vapoursynth as vs
from torch import Tensor

from ..frames.colour import default_matrix
from ..frames.copies import to_device, to_host

__all__ = ["from_rgb", "read_planes", "to_rgb", "write_planes"]


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


def read_planes(frame: vs.VideoFrame, device: torch.device) -> Tensor:
    """The planes of a float frame: (planes, H, W), float32."""
    planes = [np.asarray(frame[index]) for index in range(frame.format.num_planes)]
    return to_device(planes, device)


def write_planes(frame: vs.VideoFrame, planes: Tensor) -> vs.VideoFrame:
    """A copy of a float frame with other planes, (planes, H, W); properties stay."""
    copy = frame.copy()
    for index, plane in enumerate(to_host(planes)):
        np.copyto(np.asarray(copy[index]), plane)
    return copy
