"""Restores a file into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import VideoError
from ..manifest import load_manifest
from ..restorers import Restorer
from .encoder import encoder_named, working_format
from .moment_planes import timing_of
from .paths import check_paths, check_size, partial_file
from .reader import Reader
from .restoration import Restoration
from .settings import StreamOptions, StreamProgress, StreamResult
from .still import is_picture, restore_picture
from .writer import Writer

__all__ = ["restore_file"]


def _say_nothing(progress: StreamProgress) -> None:
    pass


def restore_file(
    source: Path,
    target: Path,
    restorer: Restorer,
    options: StreamOptions = StreamOptions(),  # noqa: B008 - frozen
    report: Callable[[StreamProgress], None] = _say_nothing,
) -> StreamResult:
    """Restore a video file into a video file, or a picture into a picture.

    Luma is replaced by restorers of luma, and chroma too by those of RGB; times, sound and all else
    stay as they are. A restorer that gives several frames for each divides their time, or makes
    slow motion: see `StreamOptions`. The target appears when it is complete: after an error there
    is none, or the old one.

    Args:
        source: File to read.
        target: File to write; its suffix says in what container or picture format.
        restorer: What restores the frames.
        options: How to encode; pictures heed only `overwrite` and `settings`.
        report: Called in this thread after each restored frame.

    Raises:
        VideoError: A file cannot be read or written, or not so; the text is one line.
    """
    assert restorer.channels in (1, 3), restorer.channels
    source, target = Path(source), Path(target)
    check_paths(source, target, overwrite=options.overwrite)
    if is_picture(source) or is_picture(target):
        _refuse_several(source, restorer)
        with partial_file(target) as partial:
            restore_picture(source, target, restorer, partial.path, options.settings)
            partial.keep()
        return StreamResult(frames_in=1, frames_out=1, interrupted=False, target=target)
    codec = encoder_named(options.codec)
    timing = timing_of(restorer, options)
    with Reader(source) as reader:
        check_size(source, reader.facts.width, reader.facts.height)
        reader.working_format = working_format(reader.facts, options, codec)
        with (
            partial_file(target) as partial,
            Writer(partial.path, reader, options, timing, named=target) as writer,
        ):
            restoration = Restoration(reader, writer, restorer, options, timing, report)
            interrupted = restoration.run()
            if writer.frames:
                partial.keep()
    return StreamResult(
        frames_in=reader.frames, frames_out=writer.frames, interrupted=interrupted, target=target
    )


def _refuse_several(source: Path, restorer: Restorer) -> None:
    """Refuse to write several frames into a picture.

    Raises:
        VideoError: The restorer gives several.
    """
    if restorer.multiplier > 1:
        filters = load_manifest().filters.values()
        others = " or ".join(sorted(facts.name for facts in filters if facts.multiplier == 1))
        raise VideoError(
            f"{source} cannot be restored as a picture: this filter gives {restorer.multiplier} "
            f"frames for each; give a video, or use the filter {others}"
        )
