"""Pixel formats: which one to work in, and how to reach the planes of a frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from av.video.format import VideoFormat
from numpy.typing import NDArray

from ..frames.luma import LumaCoding

__all__ = [
    "FULL_RANGE",
    "LIMITED_RANGE",
    "choose_format",
    "convert_frame",
    "has_alpha",
    "is_full_range",
    "is_see_through",
    "luma_coding",
    "natural_format",
    "plain_name",
    "read_alpha",
    "read_luma",
    "read_planes",
    "replace_planes",
]

LIMITED_RANGE, FULL_RANGE = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG

_PLANAR = re.compile(r"(yuva?4\d\dp|yuvj4\d\dp|gray)(9le|10le|12le|14le|16le)?")
_SEMI_PLANAR = re.compile(r"nv12|nv16|nv21|nv24|nv42|p[024](10|12|16)le")
_DEPTHS = (8, 9, 10, 12, 14, 16)
_ALPHA_DEPTHS = (8, 9, 10, 12, 16)


def plain_name(name: str) -> str:
    """Name a format without the old habit of writing full range into it (yuvj420p)."""
    return name.replace("yuvj", "yuv")


def is_full_range(name: str, color_range: int) -> bool:
    """Whether luma uses all code values; what a file leaves open is limited range."""
    return name.startswith("yuvj") or color_range == FULL_RANGE


def has_alpha(name: str) -> bool:
    """Whether pictures of a format have alpha; a palette may have it, and mostly has not."""
    return any(component.is_alpha for component in VideoFormat(name, 64, 64).components)


def is_see_through(frame: av.VideoFrame) -> bool:
    """Whether a frame has alpha and makes use of it."""
    if not has_alpha(frame.format.name):
        return False
    alpha = frame.reformat(format="yuva444p").planes[3]
    rows = np.frombuffer(alpha, np.uint8).reshape(alpha.height, -1)
    return bool(rows[:, : frame.width].min() < 255)


def natural_format(name: str) -> str:
    """The format with a luma plane that holds a picture of the named format best."""
    if _has_luma_plane(name):
        return name
    video_format = VideoFormat(name, 64, 64)
    depth = min(16, max(c.bits for c in video_format.components))
    if video_format.has_palette or video_format.is_rgb or name.startswith(("xyz", "bayer")):
        return _planar_name("444", depth, alpha="a" if has_alpha(name) else "")
    return _planar_name(_subsampling(video_format) if _has_colour(video_format) else "", depth)


def choose_format(wanted: str, accepted: Sequence[str], *, even: bool = True) -> str | None:
    """Choose the format to restore and encode in.

    Args:
        wanted: A format with a luma plane.
        accepted: Formats the encoder takes.
        even: Whether width and height are even; if not, subsampled formats are avoided.

    Returns:
        `wanted` if the encoder takes it; or else the nearest with at least its bits and its
        chroma; or else the best there is; None if all would lose the luma plane or all colour.
    """
    usable = [name for name in accepted if _has_luma_plane(name)]
    if _planes_of(wanted)[1]:
        usable = [name for name in usable if _planes_of(name)[1]]
    if not even:
        usable = [n for n in usable if not _planes_of(n)[1] or _planes_of(n)[2] == 1] or usable
    for name in (wanted, plain_name(wanted)):
        if name in usable:
            return name
    # Of formats that say the same, the one without range in its name leads.
    usable.sort(key=lambda name: name.startswith("yuvj"))
    return min(usable, key=lambda name: _distance(wanted, name), default=None)


def luma_coding(name: str, *, full_range: bool) -> LumaCoding:
    """How the luma plane of a format codes brightness."""
    return LumaCoding(bits=VideoFormat(name).components[0].bits, full_range=full_range)


def read_luma(frame: av.VideoFrame) -> NDArray[np.generic]:
    """Code values of the luma plane, (H, W), uint8 or uint16; it may be a view."""
    shift = _luma_shift(frame.format.name)
    return np.right_shift(_luma_view(frame), shift) if shift else _luma_view(frame)


def read_planes(frame: av.VideoFrame) -> list[NDArray[np.generic]]:
    """Code values of Y, or of Y, U and V, each (rows, columns); they may be views."""
    shift = _luma_shift(frame.format.name)
    return [np.right_shift(view, shift) if shift else view for view in _views(frame)]


def read_alpha(frame: av.VideoFrame) -> NDArray[np.generic] | None:
    """Code values of the plane of alpha, all of them in use, (H, W); None = there is none."""
    if not has_alpha(frame.format.name) or len(frame.planes) < 4:
        return None
    return _rows_of(frame, 3)[:, : frame.width].copy()


def replace_planes(frame: av.VideoFrame, planes: Sequence[NDArray[np.generic]]) -> None:
    """Write code values into Y, or into Y, U and V; other planes stay.

    A decoder may still predict from a frame it gave out: the frame then gets memory of its own.
    """
    frame.make_writable()
    shift = _luma_shift(frame.format.name)
    for view, plane in zip(_views(frame), planes, strict=False):
        view[...] = np.left_shift(plane, shift) if shift else plane


def convert_frame(frame: av.VideoFrame, name: str) -> av.VideoFrame:
    """The frame in another pixel format, with its times and side data.

    From RGB it goes to limited-range BT.709; in all else range and matrix stay as they are.
    """
    if frame.format.name == name:
        return frame
    if VideoFormat(name).is_rgb:
        return frame.reformat(format=name)
    if frame.format.is_rgb or frame.format.has_palette:
        return frame.reformat(
            format=name,
            src_color_range=FULL_RANGE,
            dst_color_range=LIMITED_RANGE,
            dst_colorspace="ITU709",
        )
    full = is_full_range(frame.format.name, frame.color_range)
    color_range = FULL_RANGE if full else LIMITED_RANGE
    converted = frame.reformat(
        format=name, src_color_range=color_range, dst_color_range=color_range
    )
    converted.color_range = color_range if full else frame.color_range
    return converted


def _luma_shift(name: str) -> int:
    """Unused low bits of each luma sample: p010 and its kin keep samples in the high bits."""
    return 16 - VideoFormat(name).components[0].bits if name.startswith("p") else 0


def _views(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """The planes of Y, U and V in place; of Y alone where there is no colour."""
    if not _has_colour(frame.format):
        return [_luma_view(frame)]
    rows, columns = frame.format.chroma_height(), frame.format.chroma_width()
    if _SEMI_PLANAR.fullmatch(frame.format.name):
        pairs = _rows_of(frame, 1)[:, : 2 * columns].reshape(rows, columns, 2)
        v_first = frame.format.name in ("nv21", "nv42")
        return [_luma_view(frame), pairs[..., int(v_first)], pairs[..., 1 - int(v_first)]]
    return [_luma_view(frame), *(_rows_of(frame, index)[:, :columns] for index in (1, 2))]


def _luma_view(frame: av.VideoFrame) -> NDArray[Any]:
    """The luma plane in place."""
    return _rows_of(frame, 0)[:, : frame.width]


def _rows_of(frame: av.VideoFrame, index: int) -> NDArray[Any]:
    """A plane in place, with what pads its rows."""
    plane = frame.planes[index]
    dtype = np.dtype(np.uint8 if frame.format.components[0].bits == 8 else np.uint16)
    rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
    return rows[::-1] if plane.line_size < 0 else rows  # some are stored bottom row first


def _has_luma_plane(name: str) -> bool:
    return bool(_PLANAR.fullmatch(name) or _SEMI_PLANAR.fullmatch(name))


def _planar_name(subsampling: str, depth: int, alpha: str = "") -> str:
    depth = min(d for d in (_ALPHA_DEPTHS if alpha else _DEPTHS) if d >= depth)
    base = f"yuv{alpha}{subsampling}p" if subsampling else "gray"
    return base if depth == 8 else f"{base}{depth}le"


def _subsampling(video_format: VideoFormat) -> str:
    width, height = video_format.chroma_width(64), video_format.chroma_height(64)
    known = {(64, 64): "444", (64, 32): "440", (32, 64): "422", (32, 32): "420", (16, 64): "411"}
    return known.get((width, height), "410")


def _has_colour(video_format: VideoFormat) -> bool:
    return sum(not c.is_alpha for c in video_format.components) >= 3


def _planes_of(name: str) -> tuple[int, bool, int, bool]:
    """Bits, whether there is colour, luma samples a chroma sample, whether there is alpha."""
    video_format = VideoFormat(name, 64, 64)
    chroma_samples = video_format.chroma_width(64) * video_format.chroma_height(64)
    colour = _has_colour(video_format)
    return (
        video_format.components[0].bits,
        colour,
        64 * 64 // chroma_samples if colour else 4,  # to grey the coarsest chroma is nearest
        any(c.is_alpha for c in video_format.components),
    )


def _distance(wanted: str, offered: str) -> tuple[int, ...]:
    """How far a format is from the wanted one; what loses most counts most."""
    bits, colour, loss, alpha = _planes_of(wanted)
    other_bits, other_colour, other_loss, other_alpha = _planes_of(offered)
    return (
        max(0, bits - other_bits),
        max(0, other_loss - loss),
        int(alpha and not other_alpha),
        max(0, other_bits - bits),
        max(0, loss - other_loss),
        int(other_alpha and not alpha),
        int(other_colour and not colour),
    )
