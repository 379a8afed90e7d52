"""The date of a phone's video: MP4 and MOV written with a phone's keys would hold it twice.

FFmpeg writes all metadata as keys once it is asked for those of phones, also the date, which it
has put into the header of the film already; players then read two dates in one.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

__all__ = ["forget_date_key"]

_NAME = b"creation_time"
_KEY = struct.pack(">I4s", 8 + len(_NAME), b"mdta") + _NAME
"""An entry of the atom `keys` (QuickTime File Format, "Metadata item keys atom"): its length, the
namespace of the key, and the key."""
_FORGOTTEN = struct.pack(">I4s", 8 + len(_NAME), b"free") + _NAME
"""The same key in a namespace that nobody reads: the numbers of the other keys stay."""


def forget_date_key(path: Path) -> None:
    """Let the header's date be the only one of a file that is complete.

    Args:
        path: MP4 or MOV, as FFmpeg writes them.

    Raises:
        OSError: It cannot be read or written.
    """
    with path.open("r+b") as file:
        start, size = _index(file)
        file.seek(start)
        found = file.read(size).find(_KEY)
        if found >= 0:
            file.seek(start + found)
            file.write(_FORGOTTEN)


def _index(file: IO[bytes]) -> tuple[int, int]:
    """Where the atom `moov` is, and how long; (0, 0) = there is none."""
    start = 0
    while len(header := file.read(16)) >= 8:
        size, kind = struct.unpack_from(">I4s", header)
        if size == 1 and len(header) == 16:
            (size,) = struct.unpack_from(">Q", header, 8)
        if kind == b"moov":
            return start, size
        if size < 8:  # to the end of the file
            break
        start += size
        file.seek(start)
    return 0, 0
