"""What came of the demo's clip: crops side by side, and the gain in PSNR."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..stream.source import open_source
from .clip import Frame, to_rgb, to_yuv

__all__ = ["crops_side_by_side", "mean_psnr"]

CROP = (320, 180)
"""Width and height."""


def crops_side_by_side(
    source: Path, restored: Path, sharp: Sequence[Frame], num_frames: int
) -> bytes:
    """A PNG with the middle of three frames: blurred, restored and, if known, sharp."""
    numbers = [num_frames // 6, num_frames // 2, num_frames * 5 // 6]
    columns = {"blurred": _frames(source, numbers), "restored": _frames(restored, numbers)}
    if sharp:
        columns["sharp"] = [sharp[number] for number in numbers]
    width, height = CROP
    sheet = Image.new("RGB", (width * len(columns), height * len(numbers)))
    draw = ImageDraw.Draw(sheet)
    for x, (name, frames) in enumerate(columns.items()):
        for y, frame in enumerate(frames):
            sheet.paste(_middle(frame), (x * width, y * height))
            at = (x * width + 6, y * height + 4)
            draw.text(at, name, fill="white", stroke_width=2, stroke_fill="black")
    data = io.BytesIO()
    sheet.save(data, "PNG")
    return data.getvalue()


def mean_psnr(path: Path, sharp: Sequence[Frame]) -> float:
    """Mean luma PSNR of a file against the sharp frames, dB."""
    values = []
    with open_source(path) as container:
        for frame, reference in zip(container.decode(video=0), sharp, strict=True):
            error = np.mean((_luma(frame) - _luma(to_yuv(reference))) ** 2)
            values.append(-10 * np.log10(max(float(error), 1e-10)))
    return float(np.mean(values))


def _luma(frame: av.VideoFrame) -> NDArray[np.float32]:
    """Luma of an 8-bit limited-range frame, in [0, 1], (H, W)."""
    plane = frame.planes[0]
    codes = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return (codes[:, : plane.width].astype(np.float32) - np.float32(16)) / np.float32(219)


def _frames(path: Path, numbers: Sequence[int]) -> list[Frame]:
    """The frames with these numbers, as RGB."""
    found: dict[int, Frame] = {}
    with open_source(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in numbers:
                found[number] = to_rgb(frame)
    return [found[number] for number in numbers if number in found]


def _middle(frame: Frame) -> Image.Image:
    """The middle of a frame, CROP in size."""
    picture = Image.fromarray(frame)
    left, top = ((n - c) // 2 for n, c in zip(picture.size, CROP, strict=True))
    return picture.crop((left, top, left + CROP[0], top + CROP[1]))
