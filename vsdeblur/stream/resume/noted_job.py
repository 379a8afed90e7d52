"""Opens the notes of a job, and settles at its end what becomes of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import VideoError
from ..paths import remove_abandoned
from ..planning import PlannedJob
from ..settings import ResumeRequest
from .begun import (
    can_be_noted,
    differences,
    facts_of_job,
    is_worth_keeping,
    journal_path,
    refusal,
)
from .journal import Journal, Kept
from .writer import NotingWriter

__all__ = ["NotedJob", "noted_job"]

_PARTIAL, _INCOMPLETE = "partial", "incomplete"

log = logging.getLogger("vsdeblur")


@dataclass
class NotedJob:
    """A job that is noted."""

    planned: PlannedJob
    journal: Journal
    kept: Kept | None
    keeps_all: bool = False
    """Whether less than a minute's work is kept too."""
    is_done: bool = False
    """Whether the target is complete."""
    incomplete: Path | None = None
    """What is left for people where it is not."""
    can_go_on: bool = False
    """Whether the job can be gone on with; known at the end."""

    @property
    def begins_with(self) -> int:
        """Frames of the source that are done already."""
        return self.kept.source_frames if self.kept else 0

    def writer(self, partial: Path) -> NotingWriter:
        """Open the file to write.

        Raises:
            VideoError: See `NotingWriter`.
        """
        self.journal.note_facts({_PARTIAL: partial.name})
        return NotingWriter(partial, self.planned, self.journal, self.kept)

    def settle(self) -> None:
        """Close the notes, or delete them where nothing is to be gone on with."""
        if self.is_done:
            self._remove_incomplete()
        else:
            with suppress(VideoError):  # on a full disk what was written before is there
                self.journal.write()
            self._note_incomplete()
            self.can_go_on = self.keeps_all or is_worth_keeping(self.journal)
        if self.can_go_on:
            self.journal.close()
        else:
            self.journal.delete()

    def _note_incomplete(self) -> None:
        """Note what is left for people of a job that stops; it goes when the job is done."""
        if self.incomplete is None:
            return
        with suppress(OSError, VideoError):
            status = self.incomplete.stat()
            said = f"{self.incomplete.name}/{status.st_size}/{status.st_mtime_ns}"
            self.journal.note_facts({_INCOMPLETE: said})

    def _remove_incomplete(self) -> None:
        """Remove what a run left for people that was stopped, unless it was changed since."""
        name, _, rest = self.journal.facts().get(_INCOMPLETE, "").partition("/")
        path = self.journal.path.with_name(name) if name else None
        if path is None:
            return
        with suppress(OSError):
            status = path.stat()
            if rest == f"{status.st_size}/{status.st_mtime_ns}":
                path.unlink()


@contextmanager
def noted_job(
    planned: PlannedJob, target: Path, request: ResumeRequest | None
) -> Iterator[NotedJob | None]:
    """Open the notes of a job; None = it is not noted.

    Args:
        planned: The job.
        target: The file it writes.
        request: How it is noted; None = not at all.

    Raises:
        VideoError: There is something to go on with, and that is not asked for, or it is another
            job; or another process does it.
    """
    if request is None or not can_be_noted(planned.reader.path, target):
        yield None
        return
    facts = facts_of_job(planned, request.settings)
    journal = _opened(target, facts, planned, request)
    try:
        kept = journal.kept()
        if kept is not None or request.keeps_all:
            _say_what_is_kept(target, kept)
        job = NotedJob(planned, journal, kept, keeps_all=request.keeps_all)
    except BaseException:
        journal.close()
        raise
    try:
        yield job
    except VideoError as error:
        job.settle()
        if job.can_go_on:
            raise VideoError(f"{error}; --resume goes on from there") from error
        raise
    except BaseException:
        job.settle()
        raise
    job.settle()


def _opened(
    target: Path, facts: dict[str, str], planned: PlannedJob, request: ResumeRequest
) -> Journal:
    path = journal_path(target)
    journal = Journal(path)
    try:
        begun = journal.facts()
        if partial := begun.get(_PARTIAL):
            remove_abandoned(path.with_name(partial))
        if begun and not request.goes_on:
            if is_worth_keeping(journal) and not planned.options.overwrite:
                raise refusal(target, journal)
            journal.delete()
            journal, begun = Journal(path), {}
        if begun and (other := differences(begun, facts)):
            raise VideoError(
                f"{target} was begun {', '.join(other)}; give the same settings, or begin again "
                "with --overwrite and without --resume"
            )
        journal.note_facts(facts)
    except BaseException:
        journal.close()
        raise
    return journal


def _say_what_is_kept(target: Path, kept: Kept | None) -> None:
    if kept is None:
        log.info("there is nothing of %s to go on with; it is begun", target)
    else:
        log.info("%s: %d frames are there already", target, kept.frames)
