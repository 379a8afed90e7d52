"""Other tracks than the restored one: whether a container takes them, and what they are called."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from contextlib import suppress

import av
from av.container import OutputContainer
from av.stream import Stream

__all__ = ["content_metadata", "copy_description", "fits", "tag_hevc", "warn_left_out"]

_MP4_FAMILY = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "ismv"})
_OWN_METADATA = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "vendor_id", "duration"}
)
"""Describes the source's file, not its content; the writer sets its own."""

log = logging.getLogger("vsdeblur")


def fits(source: Stream, container: str) -> bool:
    """Whether a container takes a stream: its header is written to memory, to see."""
    trial = av.open(io.BytesIO(), "w", format=container)
    try:
        copy = trial.add_stream_from_template(source, opaque=True)
        copy_description(source, copy)
        trial.start_encoding()
    except (av.FFmpegError, OSError, ValueError):
        return False
    finally:
        with suppress(av.FFmpegError, OSError, ValueError):
            trial.close()
    return True


def copy_description(source: Stream, copy: Stream) -> None:
    """Give a track the disposition and metadata of the source's."""
    copy.disposition = source.disposition
    copy.metadata.update(content_metadata(source.metadata))


def content_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata that speaks of the content, not of the file that it was in."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _OWN_METADATA and not key.startswith(("_STATISTICS", "DURATION"))
    }


def tag_hevc(container: OutputContainer, stream: Stream) -> None:
    """Apple's players want HEVC tagged hvc1; FFmpeg's default is hev1."""
    context = stream.codec_context
    if context is None or container.format.name not in _MP4_FAMILY:
        return
    if context.codec.canonical_name == "hevc":
        context.codec_tag = "hvc1"


def warn_left_out(source: Stream, container: OutputContainer) -> None:
    """Say that a container cannot hold a track."""
    codec = source.codec_context.name if source.codec_context is not None else "unknown codec"
    log.warning(
        "%s track %d (%s) cannot be stored in %s and is left out",
        source.type,
        source.index,
        codec,
        container.format.name,
    )
