"""Tells what was restored already, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import av
from PIL import ExifTags, Image

from ..settings_tag import picture_texts
from ..still import is_picture

__all__ = ["is_done"]

_VERSION = re.compile(r"^vsdeblur \S+:")
"""How a line of settings begins; the version alone makes no other result."""


def is_done(target: Path, settings: str | None, codec: str) -> bool:
    """Whether a file is what these settings give.

    A result takes its name when it is complete, so one that says its settings is whole. Formats
    with no place for them (WebP, BMP, MPEG-TS) do not tell.

    Args:
        target: The file.
        settings: The line that a result has in its metadata; None = results have none.
        codec: FFmpeg's name of the video encoder.
    """
    if settings is None:
        return False
    try:
        lines = list(_picture_lines(target) if is_picture(target) else _video_lines(target, codec))
    except (av.FFmpegError, OSError, SyntaxError, ValueError):
        return False
    wanted = _VERSION.sub("", settings)
    return any(_VERSION.match(line) and _VERSION.sub("", line) == wanted for line in lines)


def _video_lines(path: Path, codec: str) -> Iterator[str]:
    """The last line of a video's comment, if its picture track is of the encoder's codec."""
    with av.open(f"file:{path.absolute()}") as container:
        wanted = av.Codec(codec, "w").canonical_name
        tracks = container.streams.video
        if not any(
            t.codec_context and t.codec_context.codec.canonical_name == wanted for t in tracks
        ):
            return
        for key, value in container.metadata.items():
            if key.lower() == "comment":
                yield value.rpartition("\n")[2]


def _picture_lines(path: Path) -> Iterator[str]:
    """The last line of a picture's comment, and what its software is called."""
    with Image.open(path) as image:
        image.load()  # what describes a PNG may lie behind its pixels, and all of them be there
        texts = picture_texts(image) | {
            "tiff": str(image.getexif().get(ExifTags.Base.Software, ""))
        }
    for key, text in texts.items():
        if key.lower() == "comment":
            yield text.rpartition("\n")[2]
        elif key == "tiff":  # behind the software of the source
            yield text[text.rfind("vsdeblur ") :]
