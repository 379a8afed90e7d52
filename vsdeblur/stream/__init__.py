"""The PyAV front end: video files and pictures in, restored ones out."""

from __future__ import annotations

from .options import StreamOptions, StreamProgress, StreamResult
from .pipeline import restore_file

__all__ = ["StreamOptions", "StreamProgress", "StreamResult", "restore_file"]
