"""What `vsdeblur restore` is asked to restore into what, and how it goes through it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import click

from ..errors import OptionError
from .outside import STOPPED
from .progress import ProgressView
from .reporting import Reporter, reporter

if TYPE_CHECKING:
    from ..restorers import Restorer
    from ..stream import StreamOptions, StreamProgress, StreamResult
    from ..stream.excerpt import ExcerptRequest
    from ..stream.jobs import Batch, Job, Outcome
    from ..stream.settings import ResumeRequest

__all__ = ["JobRequest", "job_options"]

INCOMPLETE = 1
"""Exit status where a job of several failed, or, with `--strict`, a source was not whole."""


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which files become which."""
    for option in reversed(
        (
            click.option(
                "--out", type=click.Path(path_type=Path), metavar="DIR",
                help="Restore each IN into a file of this folder, by its own name.",
            ),
            click.option(
                "--suffix", metavar="TEXT",
                help="What names of results end in: .mkv, -restored or -restored.mkv; without "
                "--out they lie beside the sources.",
            ),
            click.option(
                "--recursive", is_flag=True,
                help="Look into the folders of folders; their tree is mirrored under --out.",
            ),
            click.option(
                "--input-rate", metavar="RATE",
                help="Frames a second of an image sequence: 25 [default], 23.976, 24000/1001.",
            ),
            click.option(
                "--start", metavar="TIME",
                help="Begin there: 90.5, 1:02:03.5, or a frame's number from 0, 250f.",
            ),
            click.option(
                "--duration", metavar="TIME", help="Restore so much: a time, or frames (250f)."
            ),
            click.option(
                "--resume/--no-resume", "resume", default=None,
                help="Go on where a job was stopped, with the same command; or leave nothing to go "
                "on from.",
            ),
            click.option(
                "--no-clobber", is_flag=True, help="Keep what exists, and go on with the next."
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """Which files are to become which, as the command line says."""

    names: tuple[str, ...]
    """Sources, the target left away."""
    target: str | None
    """The one file to write; None = several are written."""
    out: Path | None
    """The folder to write into; None = beside the sources, if there is no `target`."""
    suffix: str | None
    recursive: bool
    overwrite: bool
    no_clobber: bool
    dry_run: bool
    start: str | None
    duration: str | None
    input_rate: str | None
    resume: bool | None
    """Whether a job is gone on with; None = it may be, by a later command."""

    @classmethod
    def taken_from(
        cls, given: dict[str, Any], names: tuple[str, ...], *, overwrite: bool, dry_run: bool
    ) -> Self:
        """Take the options of `job_options` out of those that were given.

        Raises:
            OptionError: They do not go together.
        """
        out, suffix = given.pop("out"), given.pop("suffix")
        recursive, no_clobber = given.pop("recursive"), given.pop("no_clobber")
        if overwrite and no_clobber:
            raise OptionError("give --overwrite or --no-clobber, not both")
        target = None
        if out is None and suffix is None:
            *sources, last = names
            if not sources:
                raise OptionError(
                    f"there is {last!r} and no OUT; give the name of the file to write, or a "
                    "folder with --out"
                )
            names = tuple(sources)
            if _is_of_sequence(names, last, rated=given["input_rate"] is not None):
                target = last
            elif _is_folder(last, names):
                out = Path(last)
            else:
                target = last
        if target is None and given["input_rate"] is not None:
            raise OptionError("--input-rate is for one image sequence; give IN and OUT")
        if target is not None and recursive:
            raise OptionError("--recursive is for folders; give a folder to write to with --out")
        return cls(
            names=names, target=target, out=out, suffix=suffix, recursive=recursive,
            overwrite=overwrite, no_clobber=no_clobber, dry_run=dry_run,
            start=given.pop("start"), duration=given.pop("duration"), resume=given.pop("resume"),
            input_rate=given.pop("input_rate"),
        )  # fmt: skip

    @property
    def part(self) -> ExcerptRequest:
        """Which part of each source is wanted.

        Raises:
            OptionError: It is given in a form that is not known.
        """
        from ..stream.excerpt import ExcerptRequest
        from ..stream.positions import parse_position

        start, duration = (
            None if text is None else parse_position(text) for text in (self.start, self.duration)
        )
        return ExcerptRequest(start, duration)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second of an image sequence; None = it is not said.

        Raises:
            OptionError: It is given in a form that is not known.
        """
        from ..stream.sequences.rates import parse_rate

        return None if self.input_rate is None else parse_rate(self.input_rate)

    def noted(self, settings: str) -> ResumeRequest | None:
        """How jobs are noted; None = not at all."""
        from ..stream.settings import ResumeRequest

        if self.resume is False:
            return None
        # Several files are what is done passed over, and what was begun gone on with.
        goes_on = bool(self.resume) or self.target is None
        return ResumeRequest(settings=settings, goes_on=goes_on, keeps_all=bool(self.resume))

    def described(self) -> dict[str, object]:
        """What of this is to be said in a result's metadata, by the options' names."""
        return {"start": self.part.start, "duration": self.part.duration}

    def work(self, codec: str, join: Sequence[str]) -> Work | None:
        """What there is to do, as far as can be told before a model is loaded; None = nothing.

        Raises:
            VideoError: A file is not there, or cannot be written.
            OptionError: What was asked for is for one file.
        """
        if self.target is not None:
            return self._one(self.names[0], self.target, join)
        from ..stream.jobs import find_sources, plan_targets

        if join:
            raise OptionError("--join continues one IN; give IN and OUT")
        if self.out is not None and self.out.exists() and not self.out.is_dir():
            raise OptionError(f"--out {self.out} is a file; give the name of a folder")
        found = find_sources(self.names, recursive=self.recursive, besides=self.out)
        jobs = plan_targets(found, self.out, self.suffix, codec)
        return _Several(jobs, overwrite=self.overwrite, no_clobber=self.no_clobber)

    def _one(self, source: str, target: str, join: Sequence[str]) -> Work | None:
        from ..stream.resume import check_begun
        from ..stream.sequences.planning import check_all_paths, existing_of

        existing = existing_of(source, target)
        if existing and self.no_clobber and not self.dry_run:
            reporter().say(f"{target} exists and stays as it is")
            return None
        overwrite = self.overwrite or self.dry_run
        if existing and not overwrite and not self.resume and _at_terminal():
            overwrite = _may_replace(existing[0])
        for each in (source, *join):
            check_all_paths(each, target, overwrite=overwrite)
        goes_on = self.resume is not None or self.dry_run
        check_begun(target, goes_on=goes_on, overwrite=overwrite)
        return _One(source, target, overwrite=overwrite)


class Work(Protocol):
    """What there is to do."""

    def plan(self, restorer: Restorer, options: StreamOptions) -> None:
        """Say what would become of each track."""
        ...

    def run(self, restorer: Restorer, options: StreamOptions, *, strict: bool) -> int:
        """Do it; the return value is the exit status."""
        ...


@dataclass(frozen=True)
class _One:
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
class _Several:
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
        batch = self._batch(restorer, options, _may_replace if _at_terminal() else None)
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


def _is_of_sequence(sources: Sequence[str], target: str, *, rated: bool) -> bool:
    """Whether one image sequence is read or written.

    Raises:
        OptionError: A folder of pictures may be a sequence, or pictures one by one.
    """
    from ..stream.sequences.names import is_sequence
    from ..stream.sequences.target import is_picture_target

    if len(sources) != 1:
        return False
    if not is_sequence(sources[0]) and not is_picture_target(sources[0], target):
        return False
    to_folder = Path(target).is_dir() or target.endswith(("/", os.sep))
    if not Path(sources[0]).is_dir() or not to_folder or rated:
        return True
    if not _holds_pictures_alone(Path(sources[0])):
        return False
    raise OptionError(
        f"{sources[0]} holds pictures: if they are the frames of one video give --input-rate, and "
        f"if each is for itself --out {target}"
    )


def _holds_pictures_alone(folder: Path) -> bool:
    from ..stream.jobs.inputs import VIDEOS
    from ..stream.picture_files import SUFFIXES

    found = {path.suffix.lower() for path in folder.iterdir() if path.is_file()}
    return bool(found & SUFFIXES) and not found & VIDEOS


def _is_folder(name: str, sources: Sequence[str]) -> bool:
    """Whether the last name is the folder to write into.

    Raises:
        OptionError: It is none, and there are several sources.
    """
    if Path(name).is_dir() or name.endswith(("/", os.sep)):
        return True
    if len(sources) > 1:
        raise OptionError(
            f"{len(sources)} files cannot become one, {name!r}; give a folder to write to with "
            "--out DIR, or with --join recordings that continue IN"
        )
    return False


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _may_replace(target: Path) -> bool:
    """Whether the user, asked on the terminal, lets a file be replaced."""
    return click.confirm(f"{target} exists; replace it?", err=True)
