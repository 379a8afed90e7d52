"""What `vsdeblur restore` is asked to restore into what."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from ..errors import OptionError
from .jobs import OneJob, SeveralJobs, Work, at_terminal, may_replace
from .reporting import reporter

if TYPE_CHECKING:
    from ..stream.excerpt import ExcerptRequest
    from ..stream.settings import ResumeRequest

__all__ = ["JobRequest", "job_options"]


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
        return SeveralJobs(jobs, overwrite=self.overwrite, no_clobber=self.no_clobber)

    def _one(self, source: str, target: str, join: Sequence[str]) -> Work | None:
        from ..stream.resume import check_begun
        from ..stream.sequences.planning import check_all_paths, existing_of

        existing = existing_of(source, target)
        if existing and self.no_clobber and not self.dry_run:
            reporter().say(f"{target} exists and stays as it is")
            return None
        overwrite = self.overwrite or self.dry_run
        if existing and not overwrite and not self.resume and at_terminal():
            overwrite = may_replace(existing[0])
        for each in (source, *join):
            check_all_paths(each, target, overwrite=overwrite)
        goes_on = self.resume is not None or self.dry_run
        check_begun(target, goes_on=goes_on, overwrite=overwrite)
        return OneJob(source, target, overwrite=overwrite)


def _is_of_sequence(sources: Sequence[str], target: str, *, rated: bool) -> bool:
    """Whether one image sequence is read or written.

    Raises:
        OptionError: A folder of pictures may be a sequence, or pictures one by one.
    """
    from ..stream.sequences.names import is_sequence
    from ..stream.sequences.target_names import is_picture_target

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
