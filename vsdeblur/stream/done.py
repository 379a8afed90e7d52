"""Tells what was restored already, and with what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
from PIL import Image

from .settings_tag import picture_texts, read_settings
from .still import is_picture

__all__ = ["is_done"]


def is_done(target: Path, settings: str | None, codec: str) -> bool:
    """Whether a file is what these settings give.

    A result takes its name when it is complete, so one that says its settings is whole. Formats
    with no place for them (WebP, BMP, MPEG-TS) do not tell.

    Args:
        target: The file.
        settings: The line that a result has in its metadata; None = results have none.
        codec: FFmpeg's name of the video encoder.
    """
    try:
        said = _said_by_picture(target) if is_picture(target) else _said_by_video(target, codec)
    except (av.FFmpegError, OSError, SyntaxError, ValueError):
        return False
    found, wanted = read_settings(said), read_settings(settings or "")
    if not found or not wanted:
        return False
    # Another version makes no other result.
    return replace(found[-1], version="") == replace(wanted[-1], version="")


def _said_by_video(path: Path, codec: str) -> str:
    """A video's comment, if its picture track is of the encoder's codec."""
    wanted = av.Codec(codec, "w").canonical_name
    with av.open(f"file:{path.absolute()}") as container:
        codecs = [track.codec_context and track.codec_context.codec.canonical_name
                  for track in container.streams.video]  # fmt: skip
        tags = {key.lower(): value for key, value in container.metadata.items()}
    return tags.get("comment", "") if wanted in codecs else ""


def _said_by_picture(path: Path) -> str:
    """A picture's comment, and what its software is called; all of its pixels are there."""
    with Image.open(path) as image:
        image.load()
        texts = {key.lower(): text for key, text in picture_texts(image).items()}
    return "\n".join(texts.get(key, "") for key in ("software", "comment"))
