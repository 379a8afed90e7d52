"""The PyAV front end: video files and pictures in, restored ones out."""

from __future__ import annotations

from .pipeline import restore_file
from .settings import StreamOptions, StreamProgress, StreamResult

__all__ = ["StreamOptions", "StreamProgress", "StreamResult", "restore_file"]
