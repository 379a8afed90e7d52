"""Opens whatever frames are read from: a video, or pictures."""

from __future__ import annotations

from pathlib import Path

from av.container import InputContainer

from ...errors import OptionError
from ..source import named, open_source
from .feed import FeedOptions, PictureFeed
from .names import find_pictures, is_sequence

__all__ = ["open_any"]


def open_any(
    path: Path | str, options: FeedOptions, *, allow_playlist: bool, is_single: bool = True
) -> tuple[InputContainer, PictureFeed | None]:
    """Open a source.

    Args:
        path: A file, a pipe, "-" for stdin, an address; or a pattern or folder of pictures.
        options: How pictures are read.
        allow_playlist: Whether a local playlist may open what it lists.
        is_single: Whether it is the only one.

    Returns:
        It, and what feeds it if it is pictures, to be closed after it.

    Raises:
        VideoError: It cannot be read.
        OptionError: A rate is given for what has one, or pictures are to be joined.
    """
    if is_sequence(path):
        if not is_single:
            raise OptionError(f"--join is for recordings; {path} is an image sequence")
        feed = PictureFeed(find_pictures(path), options)
        try:
            return feed.open(), feed
        except BaseException:
            feed.close()
            raise
    if options.rate is not None:
        raise OptionError(
            f"--input-rate is for pictures; {named(path)} says itself when its frames are"
        )
    return open_source(path, allow_playlist=allow_playlist), None
