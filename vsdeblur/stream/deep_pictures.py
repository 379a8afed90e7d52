"""Pictures of 16 bits a channel in colour, which Pillow reads and writes with 8."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from .source import one_line

__all__ = ["is_deep", "read_deep", "write_deep"]

_FORMATS = {3: "rgb48le", 4: "rgba64le"}
_SIGNATURE_AND_HEADER = 8 + 25
"""Bytes of a PNG before what may describe it."""


def is_deep(image: Image.Image) -> bool:
    """Whether a picture has colours of 16 bits."""
    tile = getattr(image, "tile", None)
    if image.mode not in ("RGB", "RGBA", "LA") or not tile:
        return False
    arguments = tile[0][3]
    raw = arguments if isinstance(arguments, str) else next(iter(arguments or ()), "")
    return ";16" in str(raw)


def read_deep(path: Path) -> NDArray[np.uint16]:
    """The pixels of such a picture, (H, W, 3 or 4).

    Raises:
        ValueError: It cannot be read.
    """
    try:
        with av.open(f"file:{path.absolute()}") as container:
            frame = next(container.decode(video=0))
    except (av.FFmpegError, OSError, StopIteration) as error:
        raise ValueError(one_line(error)) from error
    has_alpha = any(component.is_alpha for component in frame.format.components)
    name = _FORMATS[4 if has_alpha else 3]
    return np.asarray(frame.to_ndarray(format=name), np.uint16)


def write_deep(pixels: NDArray[np.uint16], suffix: str, extras: dict[str, Any]) -> bytes:
    """A PNG or TIFF file of 16-bit pixels, (H, W, 3 or 4).

    Args:
        pixels: The pixels.
        suffix: Which of the two, by its suffix in small letters.
        extras: `icc_profile`, `exif` (bytes both), `dpi`, for a PNG `pnginfo` and
            `compress_level`, and for a TIFF `software`, as Pillow has them.

    Raises:
        ValueError: The suffix is of another format.
    """
    if suffix == ".png":
        return _png(pixels, extras)
    if suffix in (".tif", ".tiff"):
        return _tiff(pixels, extras)
    raise ValueError(f"{suffix} holds no colours of 16 bits; write .png or .tiff")


def _png(pixels: NDArray[np.uint16], extras: dict[str, Any]) -> bytes:
    frame = av.VideoFrame.from_ndarray(pixels, format=_FORMATS[pixels.shape[-1]])
    encoder = av.CodecContext.create("png", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = frame.width, frame.height
    encoder.pix_fmt = _FORMATS[pixels.shape[-1]].replace("le", "be")
    encoder.time_base = 1
    encoder.options = {"pred": "mixed"}
    if "compress_level" in extras:
        encoder.options |= {"compression_level": str(extras["compress_level"])}
    packets = [*encoder.encode(frame.reformat(format=encoder.pix_fmt)), *encoder.encode(None)]
    data = b"".join(bytes(packet) for packet in packets)
    return data[:_SIGNATURE_AND_HEADER] + _chunks(extras) + data[_SIGNATURE_AND_HEADER:]


def _chunks(extras: dict[str, Any]) -> bytes:
    """What describes a PNG's pixels, in the form that PNG has for it."""
    chunks = b""
    if extras.get("icc_profile"):
        chunks += _chunk(b"iCCP", b"ICC\0\0" + zlib.compress(extras["icc_profile"]))
    if extras.get("dpi"):
        across, down = (round(float(each) / 0.0254) for each in extras["dpi"])
        chunks += _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if extras.get("exif"):
        chunks += _chunk(b"eXIf", extras["exif"].removeprefix(b"Exif\0\0"))
    for kind, content, *_ in getattr(extras.get("pnginfo"), "chunks", ()):
        chunks += _chunk(kind, content)
    return chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _tiff(pixels: NDArray[np.uint16], extras: dict[str, Any]) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    dpi = extras.get("dpi")
    described = _exif_tags(extras.get("exif"))
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="rgb",
        compression="zlib",
        extrasamples=["unassalpha"] if pixels.shape[-1] == 4 else None,
        iccprofile=extras.get("icc_profile"),
        resolution=(float(dpi[0]), float(dpi[1])) if dpi else None,
        resolutionunit="inch" if dpi else None,
        metadata=None,
        software=extras.get("software") or _software(extras.get("exif")) or False,
        extratags=described,
    )
    return buffer.getvalue()


def _software(exif: bytes | None) -> str:
    known = Image.Exif()
    known.load(exif or b"")
    return str(known.get(ExifTags.Base.Software, ""))


def _exif_tags(exif: bytes | None) -> list[tuple[int, str, int, str | int, bool]]:
    """The descriptive words and the orientation of EXIF as tags of a TIFF."""
    if not exif:
        return []
    known = Image.Exif()
    known.load(exif)
    tags: list[tuple[int, str, int, str | int, bool]] = []
    for tag, value in known.items():
        if isinstance(value, str) and tag != ExifTags.Base.Software:
            tags.append((tag, "s", 0, value, True))
        elif tag == ExifTags.Base.Orientation:
            tags.append((tag, "H", 1, int(value), True))
    return tags
