"""HDR10 metadata of a frame, in the words of each encoder.

PyAV cannot hand stream-wide side data to an encoder, so it goes in as encoder parameters.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

import av
from av.sidedata.sidedata import Type

__all__ = ["HdrMetadata", "dynamic_metadata", "hdr_parameters", "read_hdr"]

_MASTERING = struct.Struct("=22i")
"""AVMasteringDisplayMetadata: ten rationals (x and y of R, G, B and white; least and greatest
luminance), then whether primaries and luminance are known."""
_LIGHT_LEVEL = struct.Struct("=2I")


@dataclass(frozen=True, kw_only=True)
class HdrMetadata:
    """The grading display and the light levels of an HDR10 video."""

    primaries: tuple[Fraction, ...] | None = None
    """CIE x and y of red, green, blue and white."""
    luminance: tuple[Fraction, Fraction] | None = None
    """Least and greatest, in cd/m2."""
    light_level: tuple[int, int] | None = None
    """Greatest of a pixel (MaxCLL) and of a frame's average (MaxFALL), in cd/m2."""

    def __bool__(self) -> bool:
        return self.primaries is not None or self.light_level is not None


def read_hdr(frame: av.VideoFrame) -> HdrMetadata:
    """Read a frame's static HDR metadata."""
    primaries = luminance = light_level = None
    display = _bytes_of(frame, Type.MASTERING_DISPLAY_METADATA)
    if len(display) >= _MASTERING.size:
        *numbers, has_primaries, has_luminance = _MASTERING.unpack_from(display)
        values = [Fraction(n, d or 1) for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
        primaries = tuple(values[:8]) if has_primaries else None
        luminance = (values[8], values[9]) if has_luminance else None
    level = _bytes_of(frame, Type.CONTENT_LIGHT_LEVEL)
    if len(level) >= _LIGHT_LEVEL.size:
        brightest, average = _LIGHT_LEVEL.unpack_from(level)
        light_level = (brightest, average)
    return HdrMetadata(primaries=primaries, luminance=luminance, light_level=light_level)


def hdr_parameters(codec: str, hdr: HdrMetadata) -> tuple[str, str] | None:
    """The option of an encoder that takes HDR metadata, and its value.

    Returns:
        Name and value, the value in the form "a=b:c=d"; None if the encoder has no such option.
    """
    names = {
        "libx265": ("x265-params", "master-display", "max-cll"),
        "libx264": ("x264-params", "mastering-display", "cll"),
        "libsvtav1": ("svtav1-params", "mastering-display", "content-light"),
    }
    if codec not in names:
        return None
    option, display_name, level_name = names[codec]
    parts = ["hdr10=1"] if codec == "libx265" else []
    if hdr.primaries:
        parts.append(f"{display_name}={_display_text(hdr, as_integers=codec != 'libsvtav1')}")
    if hdr.light_level:
        parts.append(f"{level_name}={hdr.light_level[0]},{hdr.light_level[1]}")
    return option, ":".join(parts)


def dynamic_metadata(frame: av.VideoFrame) -> list[str]:
    """Names of the per-frame HDR metadata a frame carries."""
    known = {
        "DOVI_RPU_BUFFER": "Dolby Vision",
        "DYNAMIC_HDR_PLUS": "HDR10+",
        "DYNAMIC_HDR_VIVID": "HDR Vivid",
    }
    return [known[key.name] for key in frame.side_data if key.name in known]


def _display_text(hdr: HdrMetadata, *, as_integers: bool) -> str:
    assert hdr.primaries is not None
    x_y = hdr.primaries
    least, greatest = hdr.luminance or (Fraction(0), Fraction(0))  # 0: not known
    order = zip(("G", "B", "R", "WP"), (2, 4, 0, 6), strict=True)
    if as_integers:  # units of 0.00002 and of 0.0001 cd/m2
        points = [f"{n}({round(x_y[i] * 50000)},{round(x_y[i + 1] * 50000)})" for n, i in order]
        return "".join(points) + f"L({round(greatest * 10000)},{round(least * 10000)})"
    points = [f"{n}({float(x_y[i]):.5f},{float(x_y[i + 1]):.5f})" for n, i in order]
    return "".join(points) + f"L({float(greatest):.4f},{float(least):.4f})"


def _bytes_of(frame: av.VideoFrame, kind: Type) -> bytes:
    return bytes(frame.side_data[kind]) if kind in frame.side_data else b""
