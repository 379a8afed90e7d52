"""Tracks and their descriptions: what is taken over from the source, and what is not."""

from __future__ import annotations

from collections.abc import Mapping

import av
from av.container import OutputContainer
from av.stream import Stream

from .containers import MP4_FAMILY

__all__ = ["ALPHA_TAG", "container_metadata", "copy_description", "copy_track", "tag_hevc"]

ALPHA_TAG = "alpha_mode"
"""The tag by which WebM says that pictures have alpha; its letters may be capitals."""
_OWN_METADATA = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "vendor_id", "duration"}
)
"""Describes the source's file, not its content; the writer sets its own."""
_DATE = "creation_time"
_STATISTICS = ("_STATISTICS", "DURATION", "BPS", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES")
"""What Matroska's tools count of a track; of the target it would be untrue."""


def copy_track(container: OutputContainer, source: Stream, layout: str | None = None) -> Stream:
    """Add a track of the source to a container, as it is.

    Args:
        container: The target.
        source: The track.
        layout: What places its channels are said to have; None = those of the source.

    Raises:
        ValueError: The container does not take it.
    """
    copy: Stream = container.add_stream_from_template(source, opaque=True)
    if layout is not None:
        assert isinstance(copy, av.AudioStream)
        copy.codec_context.layout = layout
    copy_description(source, copy)
    tag_hevc(container, copy)
    return copy


def copy_description(source: Stream, copy: Stream) -> None:
    """Give a track the disposition and metadata of the source's."""
    copy.disposition = source.disposition
    copy.metadata.update(content_metadata(source.metadata))


def content_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata that speaks of the content, not of the file that it was in.

    >>> content_metadata({"encoder": "x", _DATE: "2024-05-01T10:00:00Z;2024-05-01T10:00:00.0Z"})
    {'creation_time': '2024-05-01T10:00:00Z'}
    """
    kept = {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _OWN_METADATA and not key.upper().startswith(_STATISTICS)
    }
    if _DATE in kept:  # FFmpeg joins the dates of a file that has it in two places
        kept[_DATE] = kept[_DATE].partition(";")[0]
    return kept


def container_metadata(metadata: Mapping[str, str], container: str) -> dict[str, str]:
    """As `content_metadata`, in the form that a container has for it."""
    kept = content_metadata(metadata)
    if container == "avi" and _DATE in kept:  # which has one place for dates
        kept.setdefault("date", kept[_DATE])
    return kept


def tag_hevc(container: OutputContainer, stream: Stream) -> None:
    """Apple's players want HEVC tagged hvc1; FFmpeg's default is hev1."""
    context = stream.codec_context
    if context is None or container.format.name not in MP4_FAMILY:
        return
    if context.codec.canonical_name == "hevc":
        context.codec_tag = "hvc1"
