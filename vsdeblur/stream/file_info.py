"""What a file is, and what it was restored with: videos, sound and pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.stream import Disposition, Stream
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from ..errors import VideoError
from .account import clock_time
from .deep_pictures import is_deep
from .facts import frame_rate, picture_track
from .formats import FULL_RANGE
from .hdr import dynamic_metadata, read_hdr
from .paths import check_source
from .picture_files import HEIF, register_heif
from .settings_tag import RestoredWith, picture_texts, read_settings
from .source import is_address, open_source
from .still import is_picture

__all__ = ["FileInfo", "describe_file"]

_TURNS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""EXIF orientation -> degrees clockwise that a viewer turns a picture by."""


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """A file in a few words."""

    kind: str
    """"video", "sound" or "picture"."""
    facts: dict[str, str]
    """What is said of the whole."""
    tracks: list[str] = field(default_factory=list)
    """A line each."""
    restored_with: list[RestoredWith] = field(default_factory=list)
    """By its metadata, the first restoration first."""
    can_tell: bool = True
    """Whether files of its kind have a place for that."""


def describe_file(source: Path | str) -> FileInfo:
    """Say what a video, a recording or a picture is, and what it says of a restoration.

    Raises:
        VideoError: It is none of them, or cannot be read.
    """
    if not is_address(source) and str(source) != "-":
        check_source(Path(source))
        if is_picture(Path(source)):
            return _describe_picture(Path(source))
    with open_source(source) as container:
        try:
            film: av.VideoStream | None = picture_track(source, container)
        except VideoError:
            film = None
        tags = {key.lower(): value for key, value in container.metadata.items()}
        first = None if film is None else _first_frame(container, film)
        tracks = [_track(stream, first if stream is film else None) for stream in container.streams]
        return FileInfo(
            kind="sound" if film is None else "video",
            facts=_container_facts(container, tags),
            tracks=tracks,
            restored_with=read_settings(tags.get("comment", "")),
            can_tell=container.format.name not in ("mpegts", "yuv4mpegpipe", "h264", "hevc", "ivf"),
        )


def _container_facts(container: InputContainer, tags: dict[str, str]) -> dict[str, str]:
    facts = {"container": container.format.long_name or container.format.name}
    if container.duration and container.duration > 0:
        facts["length"] = clock_time(Fraction(container.duration, av.time_base))
    if container.size and container.size > 0:
        facts["size"] = f"{container.size / 1e6:.1f} MB"
    for name in ("title", "artist", "date", "creation_time"):
        if name in tags:
            facts[name.replace("_", " ")] = " ".join(tags[name].split())
    chapters = container.chapters()
    return facts | ({"chapters": str(len(chapters))} if chapters else {})


def _first_frame(container: InputContainer, film: av.VideoStream) -> av.VideoFrame | None:
    """A frame to read colours from; None = the first packets give none."""
    film.thread_type = "NONE"
    try:
        for number, packet in enumerate(container.demux(film)):
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                return frame
            if number > 300:
                break
    except av.FFmpegError:
        pass
    return None


def _track(stream: Stream, first: av.VideoFrame | None) -> str:
    """A track in a line."""
    codec = stream.codec_context.name if stream.codec_context else "of an unknown codec"
    words = [f"{stream.type} {codec}"]
    if isinstance(stream, av.VideoStream) and stream.codec_context:
        words += _film(stream, first)
    elif isinstance(stream, av.AudioStream) and stream.codec_context:
        layout = stream.codec_context.layout.name
        words += [f"{stream.codec_context.sample_rate} Hz", layout]
    language = stream.metadata.get("language", "und")
    if language != "und":
        words.append(language)
    if stream.metadata.get("title"):
        words.append(repr(stream.metadata["title"]))
    return ", ".join(words)


def _film(stream: av.VideoStream, first: av.VideoFrame | None) -> list[str]:
    words = [f"{stream.codec_context.width}x{stream.codec_context.height}"]
    if stream.codec_context.pix_fmt:
        words.append(stream.codec_context.pix_fmt)
    if stream.disposition & Disposition.attached_pic:
        return [*words, "a cover"]
    words.append(f"{float(frame_rate(stream)):.6g} frames/s")
    if stream.frames:
        words.append(f"{stream.frames} frames")
    return words + ([] if first is None else _look(first))


def _look(frame: av.VideoFrame) -> list[str]:
    """Colour, fields, HDR and turning of a frame, where they are said."""
    words = []
    matrix, transfer, primaries = frame.colorspace, frame.color_trc, frame.color_primaries
    colours = (
        (Colorspace, matrix, "matrix"), (ColorPrimaries, primaries, "primaries"),
        (ColorTrc, transfer, "transfer"),
    )  # fmt: skip
    words = [f"{what} {_name(kind, value)}" for kind, value, what in colours if value not in (0, 2)]
    if frame.color_range:
        words.append("full range" if frame.color_range == FULL_RANGE else "limited range")
    hdr = [*(["HDR10 metadata"] if read_hdr(frame) else []), *dynamic_metadata(frame)]
    if frame.interlaced_frame:
        words.append("interlaced")
    if Type.DISPLAYMATRIX in frame.side_data and frame.rotation:
        words.append(f"shown turned by {-frame.rotation % 360} degrees")
    return words + hdr


def _name(kind: Any, value: int) -> str:  # noqa: ANN401
    """FFmpeg's name of a value, or its number where PyAV has none."""
    try:
        name: str = kind(value).name
    except ValueError:
        return str(value)
    known = {"ITU709": "BT709", "ITU601": "BT601", "SMPTE2084": "PQ", "ARIB_STD_B67": "HLG"}
    return known.get(name, name)


def _describe_picture(source: Path) -> FileInfo:
    """Say what a picture is.

    Raises:
        VideoError: It cannot be read.
    """
    if source.suffix.lower() in HEIF:
        register_heif(source)
    try:
        with Image.open(source) as image:
            bits = "16 bits" if is_deep(image) or image.mode.startswith("I") else "8 bits"
            kind = image.format or "?"
            facts = {
                "format": kind,
                "size": f"{image.width}x{image.height}",
                "pixels": f"{image.mode}, {bits}",
            }
            if getattr(image, "n_frames", 1) > 1:
                facts["pictures"] = str(getattr(image, "n_frames", 1))
            exif = image.getexif()
            facts |= _exif_facts(exif) | _profile_fact(image)
            if kind == "PNG":  # what describes it may lie behind its pixels
                image.load()
            texts = picture_texts(image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, MemoryError) as error:
        raise VideoError(
            f"cannot read the picture {source}: {' '.join(str(error).split())}"
        ) from error
    said = "\n".join(text for key, text in texts.items() if key.lower() in ("comment", "software"))
    return FileInfo(
        kind="picture",
        facts=facts,
        restored_with=read_settings(said),
        can_tell=kind in ("PNG", "JPEG", "MPO", "TIFF"),
    )


def _exif_facts(exif: Image.Exif) -> dict[str, str]:
    facts = {}
    camera = [str(exif[tag]).strip() for tag in (ExifTags.Base.Make, ExifTags.Base.Model)
              if exif.get(tag)]  # fmt: skip
    if camera:
        facts["camera"] = " ".join(camera)
    turn = _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
    if turn:
        facts["shown"] = f"turned by {turn} degrees"
    return facts


def _profile_fact(image: Image.Image) -> dict[str, str]:
    profile = image.info.get("icc_profile")
    if not profile:
        return {}
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except ImageCms.PyCMSError:
        name = "one that cannot be read"
    return {"profile": " ".join(name.split())}
