"""Where a preview is written, and how it gets there whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import OptionError, VideoError
from ..stream.paths import partial_file
from .page import GENERATOR, html_page
from .sheet import png_sheet
from .sights import Asked, Sight

__all__ = ["check_target", "write_preview"]

_PAGES, _PICTURES = (".html", ".htm"), (".png",)


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that cannot be written, before any work.

    Raises:
        OptionError: It has another suffix, its folder is not there or not the user's, or it is
            something else's.
    """
    if target.suffix.lower() not in (*_PAGES, *_PICTURES):
        raise OptionError(f"{target} is neither a page nor a picture; give a .html or a .png")
    if target.is_dir() or not target.parent.is_dir():
        raise OptionError(f"{target} cannot be written: give a name in a folder that is there")
    if not os.access(target.parent, os.W_OK):
        raise OptionError(
            f"the folder {target.parent} cannot be written to; choose another (--out)"
        )
    if target.exists() and not overwrite and not _is_ours(target):
        raise OptionError(
            f"{target} exists and is no preview; give another name, or allow replacing it "
            "(--overwrite)"
        )


def write_preview(
    target: Path, source: str, facts: Sequence[str], sights: Iterable[Sight],
    versions: Sequence[Asked],
) -> None:  # fmt: skip
    """Write a page or a picture, by the target's suffix; it appears whole or not at all.

    Raises:
        VideoError: It cannot be written, or the source not be read on.
    """
    if target.suffix.lower() in _PAGES:
        content = html_page(source, facts, sights, versions).encode("utf-8")
    else:
        content = png_sheet(sights)
    with partial_file(target) as partial:
        try:
            partial.path.write_bytes(content)
        except OSError as error:
            raise VideoError(f"cannot write {target}: {error.strerror}") from error
        partial.keep(target)


def _is_ours(target: Path) -> bool:
    """Whether a file is a preview, which another may replace."""
    try:
        with target.open("rb") as file:
            return GENERATOR.encode() in file.read(1024)
    except OSError:
        return False
