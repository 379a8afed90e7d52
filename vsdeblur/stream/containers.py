"""Containers of the target: their names, and how they are opened for writing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO

import av
from av.container import OutputContainer

from ..errors import VideoError
from .source import one_line

__all__ = ["MP4_FAMILY", "container_of", "keeps_phone_keys", "open_target"]

MP4_FAMILY = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "ismv"})
"""FFmpeg's names of the containers that are written as MP4 is."""
_ALIASES = {"mkv": "matroska", "m4v": "mp4", "ts": "mpegts", "y4m": "yuv4mpegpipe"}
_PHONE_KEYS = ("com.apple.quicktime.", "com.android.capture.")
"""Metadata that MP4 and MOV keep only if asked to (place, lens, true frame rate)."""


def container_of(target: Path | str, name: str | None) -> str:
    """FFmpeg's name of the format that a target gets.

    Args:
        target: The target, whose suffix says it.
        name: The name asked for; None = by the suffix.

    Raises:
        VideoError: There is none of that name or suffix.
    """
    suffix = Path(target).suffix
    try:
        if name:
            known = av.ContainerFormat(_ALIASES.get(name, name), "w")
            return known.name
        with av.open(f"target{suffix}", "w") as container:  # nothing is written yet
            return container.format.name
    except (av.FFmpegError, OSError, ValueError) as error:
        what = f"container {name!r}" if name else f"suffix {suffix!r}"
        raise VideoError(
            f"no container for {target}: {what} is unknown; use .mkv, .mp4, .mov or .webm"
        ) from error


def keeps_phone_keys(container: str, metadata: Mapping[str, str]) -> bool:
    """Whether there is metadata that only phones write, and a container that holds it."""
    return container in MP4_FAMILY and any(key.startswith(_PHONE_KEYS) for key in metadata)


def open_target(
    file: Path | IO[bytes], container: str, metadata: Mapping[str, str], *, named: Path | str
) -> OutputContainer:
    """Open a container for writing.

    Args:
        file: The file to write, or an open one.
        container: FFmpeg's name of the format.
        metadata: What will be said of the whole; some of it is kept only if the container is told.
        named: The file's name in messages.

    Raises:
        VideoError: It cannot be written.
    """
    options = {}
    if container == "avi":  # sound before 0 would move the pictures by a whole frame
        options["avoid_negative_ts"] = "disabled"
    if container in MP4_FAMILY:
        # Moving the index to the front needs a file that can be read again.
        flags = ["+faststart"] if isinstance(file, Path) else []
        if keeps_phone_keys(container, metadata):
            flags.append("+use_metadata_tags")
        if flags:
            options["movflags"] = "".join(flags)
    try:
        return av.open(
            str(file) if isinstance(file, Path) else file,
            "w",
            format=container,
            container_options=options,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"cannot write {named} as {container}: {one_line(error)}") from error
