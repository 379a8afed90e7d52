"""The PyAV front end: video files and pictures in, restored ones out."""

from __future__ import annotations

from .pipeline import plan_file, restore_file
from .settings import StreamOptions, StreamProgress, StreamResult
from .settings_tag import settings_text

__all__ = [
    "StreamOptions",
    "StreamProgress",
    "StreamResult",
    "plan_file",
    "restore_file",
    "settings_text",
]
