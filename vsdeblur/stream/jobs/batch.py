"""Restores one file after the other: what is done is passed over, what fails stops nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from ...errors import DeblurError, VideoError, first_line
from ...restorers import Restorer
from ..done import is_done
from ..pipeline import restore_file
from ..settings import StreamOptions, StreamProgress, StreamResult
from .forecast import Forecast, expected_of_all, forecast_file
from .targets import Job

__all__ = ["Batch", "Existing", "Outcome", "State", "Summary"]

_NAMED = 20
"""Files that a summary names of a kind."""

log = logging.getLogger("vsdeblur")


class Existing(Enum):
    """What becomes of a file that has a result's name and is not what the job would give."""

    REFUSED = "refused"
    REPLACED = "replaced"
    KEPT = "kept"


class State(Enum):
    """What became of a job."""

    RESTORED = "restored"
    DONE = "done already"
    KEPT = "kept as it was"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True)
class Outcome:
    """A job and what became of it."""

    job: Job
    state: State
    reason: str = ""
    """Why it failed."""
    result: StreamResult | None = None
    """What was written, also of a job that was stopped."""


@dataclass(frozen=True)
class Summary:
    """What became of all jobs, in their order."""

    outcomes: tuple[Outcome, ...]

    def of(self, state: State) -> list[Outcome]:
        """The jobs of which this became."""
        return [each for each in self.outcomes if each.state is state]

    @property
    def whole(self) -> bool:
        """Whether no source was damaged."""
        return all(each.result is None or each.result.whole for each in self.outcomes)

    def lines(self) -> list[str]:
        """How many of each, and which ones failed or are left."""
        counts = {state: len(self.of(state)) for state in State}
        named = [f"{count} {state.value}" for state, count in counts.items() if count]
        lines = [", ".join(named)]
        for state in (State.FAILED, State.LEFT):
            outcomes = self.of(state)
            for each in outcomes[:_NAMED]:
                why = f": {each.reason}" if each.reason else ""
                lines.append(f"{state.value}: {each.job.source}{why}")
            if len(outcomes) > _NAMED:
                lines.append(f"{state.value}: {len(outcomes) - _NAMED} more")
        return lines


class Batch:
    """Several jobs with the same restorer and options.

    Args:
        jobs: What is restored into what, each target another.
        restorer: What restores the frames.
        options: How to encode; `overwrite` is of no effect.
        existing: What becomes of files in the place of a target.
        may_replace: Where they are refused, asked before the first job for each; None = nobody is.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        restorer: Restorer,
        options: StreamOptions,
        *,
        existing: Existing = Existing.REFUSED,
        may_replace: Callable[[Path], bool] | None = None,
    ) -> None:
        self._restorer, self._options = restorer, options
        self._written: set[tuple[int, int]] = set()  # device and inode of results
        self._outcomes: dict[Job, Outcome | None] = {}
        self._replaced: set[Job] = set()
        for job in jobs:
            self._outcomes[job] = self._foreseen(job, existing, may_replace)

    @property
    def open(self) -> list[Job]:
        """Jobs that are still to be done."""
        return [job for job, outcome in self._outcomes.items() if outcome is None]

    def plan(self) -> Iterator[str]:
        """What would become of each file and its tracks, line by line; nothing is written."""
        forecasts: list[Forecast] = []
        for job, outcome in self._outcomes.items():
            if outcome is not None:
                why = f": {outcome.reason}" if outcome.reason else ""
                yield f"{job.source} -> {job.target}: {outcome.state.value}{why}"
                continue
            yield f"{job.source} -> {job.target}"
            try:
                forecasts.append(self._forecast(job, forecasts))
            except DeblurError as error:
                yield f"  would fail: {error}"
            else:
                yield from (f"  {line}" for line in forecasts[-1].lines())
        if line := expected_of_all(forecasts):
            yield line

    def run(
        self,
        report: Callable[[StreamProgress], None],
        begun: Callable[[Job, int], None] = lambda job, number: None,
        ended: Callable[[Outcome], None] = lambda outcome: None,
    ) -> Summary:
        """Do the jobs that are open, up to the end or to Ctrl-C.

        Args:
            report: Called after each restored frame.
            begun: Called before each job with its number, from 1.
            ended: Called after each job.
        """
        for number, job in enumerate(self.open, 1):
            begun(job, number)
            try:
                outcome = self._done(job, report)
            except KeyboardInterrupt:
                outcome = Outcome(job, State.LEFT)
            self._outcomes[job] = outcome
            ended(outcome)
            if outcome.state is State.LEFT:
                break
        return self.summary()

    def summary(self) -> Summary:
        """What has become of the jobs so far."""
        return Summary(
            tuple(outcome or Outcome(job, State.LEFT) for job, outcome in self._outcomes.items())
        )

    def _forecast(self, job: Job, known: Sequence[Forecast]) -> Forecast:
        options = replace(self._options, overwrite=True)  # which was settled before
        return forecast_file(
            job.source, job.target, self._restorer, options, makes_folder=True, known=known
        )

    def _foreseen(
        self, job: Job, existing: Existing, may_replace: Callable[[Path], bool] | None
    ) -> Outcome | None:
        """What becomes of a job without its being done; None = it is to be done."""
        target = job.target
        if existing is Existing.REPLACED:
            self._replaced.add(job)
            return None
        if not target.exists():
            return None
        if is_done(target, self._options.settings, self._options.codec):
            return Outcome(job, State.DONE)
        if existing is Existing.KEPT:
            return Outcome(job, State.KEPT)
        if may_replace is None:
            reason = (
                f"{target} exists and is not what these settings give; allow replacing it "
                "(--overwrite), or keep what exists (--no-clobber)"
            )
            return Outcome(job, State.FAILED, reason)
        if not may_replace(target):
            return Outcome(job, State.KEPT)
        self._replaced.add(job)
        return None

    def _done(self, job: Job, report: Callable[[StreamProgress], None]) -> Outcome:
        """Do a job; whatever fails is its outcome."""
        made = []
        try:
            self._refuse_meeting(job)
            made = _made_folders(job.target.parent)
            options = replace(self._options, overwrite=job in self._replaced)
            result = restore_file(job.source, job.target, self._restorer, options, report)
        except DeblurError as error:
            return Outcome(job, State.FAILED, str(error))
        except Exception as error:
            log.exception("%s", job.source)
            return Outcome(job, State.FAILED, f"{type(error).__name__}: {first_line(error)}")
        finally:
            _remove_empty(made)
        if result.interrupted:
            return Outcome(job, State.LEFT, result=result)
        with suppress(OSError):
            status = job.target.stat()
            self._written.add((status.st_dev, status.st_ino))
        return Outcome(job, State.RESTORED, result=result)

    def _refuse_meeting(self, job: Job) -> None:
        """Refuse to replace another job's result: names may be equal that look different.

        Raises:
            VideoError: The target is one.
        """
        with suppress(FileNotFoundError):
            status = job.target.stat()
            if (status.st_dev, status.st_ino) in self._written:
                raise VideoError(
                    f"{job.target} is the result of another file already; give --out with another "
                    "folder"
                )


def _made_folders(folder: Path) -> list[Path]:
    """Make a folder and those that it lies in; those that were not there, the inmost first.

    Raises:
        VideoError: It cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VideoError(
            f"cannot make the folder {folder}: {error.strerror}; give another with --out"
        ) from error
    return missing


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders in which nothing was written after all."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
