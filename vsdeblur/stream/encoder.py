"""Chooses and sets up the video encoder."""

from __future__ import annotations

import logging
from fractions import Fraction

import av
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.container import OutputContainer
from av.sidedata.sidedata import Type

from ..errors import VideoError
from .formats import (
    FULL_RANGE,
    LIMITED_RANGE,
    choose_format,
    has_alpha,
    is_see_through,
    natural_format,
    plain_name,
)
from .hdr import dynamic_metadata, hdr_parameters, read_hdr
from .reader import SourceFacts
from .settings import StreamOptions

__all__ = ["add_encoder", "announce_limits", "check_alpha", "encoder_named", "working_format"]

_CRF_ENCODERS = frozenset({"libx264", "libx265", "libsvtav1", "libvpx-vp9", "libvpx"})
_RATE_OPTIONS = frozenset({"crf", "qp", "cq", "b", "rc", "lossless"})
"""A caller who gives one of these sets the quality themselves."""
_ALPHA_KEEPERS = {"matroska": "ffv1 or libvpx-vp9", "webm": "libvpx-vp9", "mov": "prores_ks"}
"""Container -> encoders that keep alpha in it."""
_BT709 = 1

log = logging.getLogger("vsdeblur")


def encoder_named(name: str) -> av.Codec:
    """Look a video encoder up.

    Raises:
        VideoError: FFmpeg has none of that name.
    """
    try:
        codec = av.Codec(name, "w")
    except UnknownCodecError as error:
        raise VideoError(
            f"unknown video encoder {name!r}; use libx264, libx265, libsvtav1, ffv1, hevc_nvenc or "
            "another of FFmpeg's"
        ) from error
    if codec.type != "video":
        raise VideoError(f"{name!r} encodes {codec.type}, not video; use libx264, for example")
    return codec


def working_format(facts: SourceFacts, options: StreamOptions, codec: av.Codec) -> str:
    """The pixel format in which frames are restored and encoded.

    Raises:
        VideoError: The format asked for is unknown or has no luma plane, or the encoder takes
            none that has.
    """
    wanted = natural_format(_asked_format(options) or facts.pixel_format)
    accepted = [video_format.name for video_format in codec.video_formats or ()]
    # The even-sized encoders say so only when they start.
    even = not (facts.width % 2 or facts.height % 2) or codec.name in ("ffv1", "libvpx-vp9")
    chosen = choose_format(wanted, accepted or [wanted], even=even)
    if chosen is None:
        raise VideoError(
            f"the encoder {codec.name} takes no format in which {wanted} can be kept; use libx264, "
            "libx265 or ffv1"
        )
    if chosen != plain_name(facts.pixel_format) and chosen != facts.pixel_format:
        log.warning(
            "pixel format %s becomes %s for the encoder %s", facts.pixel_format, chosen, codec.name
        )
    return chosen


def add_encoder(
    container: OutputContainer, facts: SourceFacts, options: StreamOptions, pixel_format: str
) -> av.VideoStream:
    """Add the restored picture track to a container.

    Raises:
        VideoError: The container cannot hold the codec.
    """
    try:
        stream = container.add_stream(
            options.codec, rate=facts.frame_rate, options=_encoder_options(facts, options)
        )
    except ValueError as error:
        raise VideoError(
            f"{container.format.name} cannot hold video of {options.codec}; use another codec or "
            "write to .mkv"
        ) from error
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = facts.width, facts.height
    stream.pix_fmt = pixel_format
    # PyAV's default, slices alone, costs x264 compression.
    stream.thread_type = "AUTO"
    if container.format.name == "avi":  # which cannot say when a frame is shown that is reordered
        stream.codec_context.max_b_frames = 0
    _set_times(stream, facts)
    _set_colour(stream, facts, pixel_format)
    _set_geometry(stream, facts)
    if facts.interlaced:
        stream.codec_context.field_order = facts.field_order
        stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    return stream


def announce_limits(facts: SourceFacts, pixel_format: str, options: StreamOptions) -> None:
    """Say what of the pictures is not kept, or not as it should be.

    Args:
        facts: The source.
        pixel_format: The format in which frames are restored and encoded.
        options: How to encode.
    """
    if facts.interlaced:
        log.warning(
            "the video is interlaced; its frames are restored as if they were progressive: "
            "--deinterlace makes pictures of its fields"
        )
    if facts.deinterlaced and not facts.first.interlaced_frame and _by_marks(options):
        log.warning(
            "the first frame is not marked as interlaced; frames that are not stay as they are: "
            "--field-order top (or bottom) deinterlaces all"
        )
    dynamic = dynamic_metadata(facts.first)
    if dynamic:
        log.warning("%s metadata is not kept", " and ".join(dynamic))
    hdr = read_hdr(facts.first)
    takes_hdr = options.codec.endswith("_nvenc")  # it reads the frames' side data
    if hdr and not takes_hdr and hdr_parameters(options.codec, hdr) is None:
        log.warning("%s cannot keep HDR10 mastering metadata; libx265 can", options.codec)


def check_alpha(
    facts: SourceFacts, pixel_format: str, options: StreamOptions, container: str
) -> None:
    """Refuse to lose what shows through the pictures.

    Args:
        facts: The source.
        pixel_format: The format in which frames are restored and encoded.
        options: Whether it may be lost; who names a pixel format has chosen.
        container: FFmpeg's name of the target's format.

    Raises:
        VideoError: It would be lost, and that is not allowed.
    """
    if not has_alpha(facts.pixel_format) or has_alpha(pixel_format):
        return
    keepers = _ALPHA_KEEPERS.get(container, "ffv1 to .mkv, or prores_ks to .mov")
    allowed = options.drop or options.pixel_format is not None
    if not allowed and is_see_through(facts.first):
        raise VideoError(
            f"{options.codec} cannot keep alpha; use --codec {keepers}, or allow losing it with "
            "--drop"
        )
    log.warning("%s cannot keep alpha, which is lost; %s can", options.codec, keepers)


def _by_marks(options: StreamOptions) -> bool:
    """Whether only frames are deinterlaced that are marked."""
    return options.deinterlace is not None and options.deinterlace.order == "auto"


def _asked_format(options: StreamOptions) -> str | None:
    if options.pixel_format is not None:
        try:
            av.VideoFormat(options.pixel_format)
        except ValueError as error:
            raise VideoError(
                f"unknown pixel format {options.pixel_format!r}; use yuv420p or yuv420p10le, for "
                "example"
            ) from error
    return options.pixel_format


def _encoder_options(facts: SourceFacts, options: StreamOptions) -> dict[str, str]:
    given = dict(options.encoder_options)
    chosen: dict[str, str] = {}
    if not _RATE_OPTIONS & given.keys():
        if options.codec in _CRF_ENCODERS:
            chosen["crf"] = f"{options.quality:g}"
        elif options.codec.endswith("_nvenc"):
            chosen |= {"rc": "vbr", "cq": f"{options.quality:g}", "b": "0"}
    if options.preset is not None:
        chosen["preset"] = options.preset
    if options.codec == "libx265":  # which otherwise writes to stderr on its own
        chosen["x265-params"] = "log-level=error"
    _add_hdr(chosen, facts, options.codec)
    for name, value in given.items():
        joined = name.endswith("-params") and name in chosen
        chosen[name] = f"{chosen[name]}:{value}" if joined else value
    return chosen


def _add_hdr(chosen: dict[str, str], facts: SourceFacts, codec: str) -> None:
    hdr = read_hdr(facts.first)
    if not hdr:
        return
    parameters = hdr_parameters(codec, hdr)
    if parameters is not None:
        option, value = parameters
        chosen[option] = f"{chosen[option]}:{value}" if option in chosen else value


def _set_times(stream: av.VideoStream, facts: SourceFacts) -> None:
    stream.time_base = facts.time_base
    stream.codec_context.time_base = facts.time_base
    stream.codec_context.flags |= Flags.frame_duration


def _set_colour(stream: av.VideoStream, facts: SourceFacts, pixel_format: str) -> None:
    context, first = stream.codec_context, facts.first
    context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
    if facts.becomes_yuv:
        context.colorspace, context.color_range = _BT709, LIMITED_RANGE
        return
    context.colorspace = first.colorspace
    context.color_range = FULL_RANGE if facts.full_range else first.color_range
    if pixel_format != "gray":
        context.chroma_sample_location = first.chroma_location


def _set_geometry(stream: av.VideoStream, facts: SourceFacts) -> None:
    if facts.sample_aspect_ratio != Fraction(0):
        stream.codec_context.sample_aspect_ratio = facts.sample_aspect_ratio
    if Type.DISPLAYMATRIX in facts.first.side_data:
        matrix = bytes(facts.first.side_data[Type.DISPLAYMATRIX])
        stream.set_display_matrix(memoryview(matrix).cast("i").tolist())
