"""The PyAV front end: video files and pictures in, restored ones out."""

from __future__ import annotations

from .file_info import FileInfo, describe_file
from .pipeline import plan_file, restore_file
from .settings import StreamOptions, StreamProgress, StreamResult
from .settings_tag import settings_text

__all__ = [
    "FileInfo",
    "StreamOptions",
    "StreamProgress",
    "StreamResult",
    "describe_file",
    "plan_file",
    "restore_file",
    "settings_text",
]
