"""Says what each result is called, and sees that no two have one name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from ...errors import VideoError
from ..picture_files import SUFFIXES as PICTURES
from ..picture_files import WRITTEN
from .inputs import Found

__all__ = ["Job", "plan_targets"]

_OTHER_VIDEO, _OTHER_PICTURE = ".mkv", ".png"
"""What is written where a source's own format is not."""


@dataclass(frozen=True)
class Job:
    """One file to restore, and what it becomes."""

    source: Path
    target: Path


def plan_targets(
    found: Sequence[Found], out: Path | None, suffix: str | None, codec: str
) -> list[Job]:
    """Name the results.

    Args:
        found: What is restored.
        out: Folder of the results, in which the tree of what was found is mirrored; None = each
            lies beside its source.
        suffix: What names end in instead of the source's suffix: ".mkv", "-restored" (the source's
            suffix follows) or "-restored.mkv". A kind of file that is not the source's, such as
            ".mkv" for a picture, is left away.
        codec: FFmpeg's name of the video encoder: where the source's container does not take it,
            the result is Matroska.

    Raises:
        VideoError: Two results would have one name, or one that of a source.
    """
    if suffix is not None and (not suffix or "/" in suffix or os.sep in suffix):
        raise VideoError(
            f"{suffix!r} cannot end a name; give --suffix .mkv, -restored or -restored.mkv"
        )
    jobs = []
    for each in found:
        place = each.path if out is None else out / each.place
        jobs.append(Job(each.path, place.with_name(_name(each.path, suffix, codec))))
    _refuse_meetings(jobs)
    return jobs


def _name(source: Path, suffix: str | None, codec: str) -> str:
    added, asked = "", ""
    if suffix is not None:
        added, dot, kind = suffix.rpartition(".")
        added, asked = (added, f".{kind}") if dot else (suffix, "")
    if asked and (asked.lower() in PICTURES) != (source.suffix.lower() in PICTURES):
        asked = ""  # a picture makes a picture and a video a video
    return f"{source.stem}{added}{asked or _written_as(source.suffix, codec)}"


def _written_as(suffix: str, codec: str) -> str:
    """The suffix of a source, or that of what can be written in its place."""
    if suffix.lower() in PICTURES:
        return suffix if suffix.lower() in WRITTEN else _OTHER_PICTURE
    try:
        with av.open(f"target{suffix}", "w") as container:  # nothing is written yet
            container.add_stream(codec)
    except (av.FFmpegError, OSError, ValueError):
        return _OTHER_VIDEO
    return suffix


def _refuse_meetings(jobs: Sequence[Job]) -> None:
    """Refuse what would lose a result or a source.

    Raises:
        VideoError: Two jobs have one target, or one has another's source for it.
    """
    taken: dict[str, Job] = {}
    sources = {_same(job.source): job.source for job in jobs}
    for job in jobs:
        name = _same(job.target)
        if name in sources:
            other = "itself" if sources[name] == job.source else f"{sources[name]}, another source"
            raise VideoError(
                f"{job.source} would be written over {other}; give --out with another folder, or "
                "--suffix, such as -restored"
            )
        first = taken.setdefault(name, job)
        if first is not job:
            raise VideoError(
                f"{first.source} and {job.source} would both become {job.target}; restore them "
                "into different folders, or give their common folder with --recursive"
            )


def _same(path: Path) -> str:
    """What is equal for equal places, though the last part need not be there."""
    return os.path.normcase(path.parent.resolve() / path.name)
