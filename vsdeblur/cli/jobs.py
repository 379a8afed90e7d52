"""Goes through the files that `vsdeblur restore` restores, and says what becomes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from .outside import STOPPED
from .progress import ProgressView
from .reporting import Reporter, reporter

if TYPE_CHECKING:
    from ..restorers import Restorer
    from ..stream import StreamOptions, StreamProgress, StreamResult
    from ..stream.jobs import Batch, Job, Outcome

__all__ = ["OneJob", "SeveralJobs", "Work", "at_terminal", "may_replace"]

INCOMPLETE = 1
"""Exit status where a job of several failed, or, with `--strict`, a source was not whole."""


class Work(Protocol):
    """What there is to do."""

    def plan(self, restorer: Restorer, options: StreamOptions) -> None:
        """Say what would become of each track."""
        ...

    def run(self, restorer: Restorer, options: StreamOptions, *, strict: bool) -> int:
        """Do it; the return value is the exit status."""
        ...


@dataclass(frozen=True)
class OneJob:
    """One file, pipe or address into one."""

    source: str
    target: str
    overwrite: bool

    def plan(self, restorer: Restorer, options: StreamOptions) -> None:
        """See `Work.plan`."""
        from ..stream.jobs.forecast import forecast_file

        for line in forecast_file(self.source, self.target, restorer, options).lines():
            reporter().say(line)

    def run(self, restorer: Restorer, options: StreamOptions, *, strict: bool) -> int:
        """See `Work.run`."""
        from ..stream import restore_file

        told, options = reporter(), replace(options, overwrite=self.overwrite)
        with told.progress(self.source, self.target) as progress:
            result = restore_file(self.source, self.target, restorer, options, progress.update)
        told.done(self.source, result)
        if result.interrupted:
            return told.refuse(f"stopped; {_kept(result)}", STOPPED)
        return INCOMPLETE if strict and not result.whole else 0


@dataclass(frozen=True)
class SeveralJobs:
    """Files into files."""

    jobs: Sequence[Job]
    overwrite: bool
    no_clobber: bool

    def plan(self, restorer: Restorer, options: StreamOptions) -> None:
        """See `Work.plan`."""
        for line in self._batch(restorer, options).plan():
            reporter().say(line)

    def run(self, restorer: Restorer, options: StreamOptions, *, strict: bool) -> int:
        """See `Work.run`."""
        from ..stream.jobs import State

        told = reporter()
        batch = self._batch(restorer, options, may_replace if at_terminal() else None)
        watch = _Watch(told, len(batch.open))
        summary = batch.run(watch.report, watch.begin, watch.end)
        for line in summary.lines():
            told.say(line)
        if summary.of(State.LEFT):
            return told.refuse("stopped; the same command restores what is left", STOPPED)
        failed = bool(summary.of(State.FAILED))
        return INCOMPLETE if failed or (strict and not summary.whole) else 0

    def _batch(
        self,
        restorer: Restorer,
        options: StreamOptions,
        may_replace: Callable[[Path], bool] | None = None,
    ) -> Batch:
        from ..stream.jobs import Batch, Existing

        existing = Existing.KEPT if self.no_clobber else Existing.REFUSED
        if self.overwrite:
            existing = Existing.REPLACED
        return Batch(self.jobs, restorer, options, existing=existing, may_replace=may_replace)


class _Watch:
    """Says of each job of several what becomes of it.

    Args:
        told: Who says it.
        count: How many there are.
    """

    def __init__(self, told: Reporter, count: int) -> None:
        self._told, self._count = told, count
        self._shown = ExitStack()
        self._progress: ProgressView | None = None

    def begin(self, job: Job, number: int) -> None:
        """A job begins."""
        self._told.say(f"[{number}/{self._count}] {job.source} -> {job.target}")
        view = self._told.progress(str(job.source), str(job.target))
        self._progress = self._shown.enter_context(view)

    def report(self, progress: StreamProgress) -> None:
        """A frame of it is restored."""
        assert self._progress is not None
        self._progress.update(progress)

    def end(self, outcome: Outcome) -> None:
        """It ends."""
        self._shown.close()
        if outcome.reason:
            self._told.refuse(outcome.reason, INCOMPLETE)
        elif outcome.result is not None:
            self._told.done(str(outcome.job.source), outcome.result)


def _kept(result: StreamResult) -> str:
    """What is there of a job that was stopped."""
    if not result.frames_out:
        return "nothing was written"
    written = "stdout" if str(result.target) == "-" else result.target
    goes_on = "; --resume goes on" if result.can_go_on else ""
    plays = "" if "%" in Path(str(result.target)).name else " and plays"
    return f"{written} holds the first {result.frames_out} frames{plays}{goes_on}"


def at_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def may_replace(target: Path) -> bool:
    """Whether the user, asked on the terminal, lets a file be replaced."""
    return click.confirm(f"{target} exists; replace it?", err=True)
