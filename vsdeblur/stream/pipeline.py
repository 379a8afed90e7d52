"""Restores a file into a file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..errors import VideoError
from ..manifest import load_manifest
from ..restorers import Restorer
from .frame_writer import FrameWriter
from .outlet import open_outlet
from .paths import (
    PartialFile,
    as_given,
    free_name,
    is_stream,
    partial_file,
    real_target,
)
from .plan import Action, Plan
from .planning import PlannedJob, planned_job
from .restoration import Restoration
from .resume import NotedJob, noted_job
from .sequences.names import is_sequence
from .sequences.planning import check_all_paths, planned_pictures
from .sequences.target_names import is_picture_target
from .settings import StreamOptions, StreamProgress, StreamResult
from .source import named
from .still import is_picture, restore_picture
from .writer import Writer

__all__ = ["plan_file", "restore_file"]

log = logging.getLogger("vsdeblur")


def _say_nothing(progress: StreamProgress) -> None:
    pass


def restore_file(
    source: Path | str,
    target: Path | str,
    restorer: Restorer,
    options: StreamOptions = StreamOptions(),  # noqa: B008 - frozen
    report: Callable[[StreamProgress], None] = _say_nothing,
) -> StreamResult:
    """Restore a video into a video, or a picture into a picture.

    Luma is replaced by restorers of luma, and chroma too by those of RGB; times, sound and all else
    stay as they are, from 0 on. A restorer that gives several frames for each divides their time,
    or makes slow motion: see `StreamOptions`. The target appears when it is complete: after an
    error there is none, or the old one, and what was written has a name that says so.

    Args:
        source: File to read, or a pipe, "-" for stdin, or an address.
        target: File to write; its suffix says in what container or picture format. A pipe, a
            device or stdout ("-") is written through.
        restorer: What restores the frames.
        options: How to encode; pictures heed `overwrite`, `settings` and
            `max_megapixels`.
        report: Called in this thread after each restored frame.

    Raises:
        VideoError: A file cannot be read or written, or not so; the text is one line.
    """
    assert restorer.channels in (1, 3), restorer.channels
    source, target = as_given(source), as_given(target)
    check_all_paths(source, target, overwrite=options.overwrite)
    if is_picture_target(source, target):
        return _restore_to_pictures(source, Path(target), restorer, options, report)
    if not is_sequence(source) and (_is_picture(source) or _is_picture(target)):
        return _restore_picture(source, target, restorer, options)
    with planned_job(source, target, restorer, options) as planned:
        job = _Job(planned, restorer, report)
        if is_stream(target):
            with open_outlet(target) as outlet, planned.writer(outlet) as writer:
                interrupted = job.run(writer)
            return job.result(target, interrupted=interrupted)
        assert isinstance(target, Path)
        target = real_target(target) if target.is_symlink() else target
        return job.run_to_file(target)


def plan_file(
    source: Path | str,
    target: Path | str,
    restorer: Restorer,
    options: StreamOptions = StreamOptions(),  # noqa: B008 - frozen
) -> Plan:
    """What `restore_file` would do with each track of a video; nothing is written.

    Raises:
        VideoError: As `restore_file`, as far as can be told before the first frame.
    """
    source, target = as_given(source), as_given(target)
    check_all_paths(source, target, overwrite=options.overwrite)
    if is_picture_target(source, target):
        with planned_pictures(source, Path(target), restorer, options) as pictures:
            return pictures.plan
    with planned_job(source, target, restorer, options) as planned:
        return planned.plan


class _Job:
    """One restoration, once all is settled."""

    def __init__(
        self, planned: PlannedJob, restorer: Restorer, report: Callable[[StreamProgress], None]
    ) -> None:
        self._planned, self._restorer, self._report = planned, restorer, report
        self._frames = self._refused = 0
        self._warnings: list[str] = []
        for track in planned.plan.tracks:
            if track.action is Action.DROP and not track.asked:
                self._warn(f"{track.name} is left out: {track.reason}")
            elif track.action is Action.CONVERT and planned.timing.slowdown == 1:
                log.info("%s becomes %s", track.name, track.becomes)

    def run_to_file(self, target: Path) -> StreamResult:
        """Restore all frames into a file, or those that an earlier run has not restored."""
        planned = self._planned
        with noted_job(planned, target, planned.options.resume) as noted:
            with partial_file(target) as partial:
                try:
                    with (noted or planned).writer(partial.path) as writer:
                        interrupted = self.run_into(partial, target, writer, noted)
                finally:
                    if noted is not None:
                        noted.incomplete = partial.place
            if noted is not None:
                noted.is_done = not interrupted
        result = self.result(partial.place or target, interrupted=interrupted)
        return replace(result, can_go_on=noted is not None and noted.can_go_on)

    def run(self, writer: FrameWriter, begins_with: int = 0) -> bool:
        """Restore all frames, or all but the first ones; whether Ctrl-C ended it early."""
        planned = self._planned
        restoration = Restoration(
            planned.reader, writer, self._restorer, planned.options, planned.timing, self._report,
            begins_with=begins_with,
        )  # fmt: skip
        try:
            return restoration.run()
        finally:
            self._frames, self._refused = writer.frames, writer.refused

    def run_into(
        self, partial: PartialFile, target: Path, writer: Writer, noted: NotedJob | None = None
    ) -> bool:
        """As `run`; the target is replaced by what is complete, the rest has a name of its own."""
        try:
            interrupted = self.run(writer, noted.begins_with if noted else 0)
        except Exception as error:
            with suppress(VideoError):
                writer.finish()
            if not writer.frames:
                raise
            partial.keep(free_name(target, "incomplete"))
            said = f"what was written is kept as {partial.place}"
            if isinstance(error, VideoError):
                raise VideoError(f"{error}; {said}") from error
            log.warning(said)
            raise
        if writer.frames:  # a file has its name when it is complete
            partial.keep(free_name(target, "incomplete") if interrupted else target)
        return interrupted

    def result(self, written: Path | str, *, interrupted: bool) -> StreamResult:
        """What was done, once it is."""
        reader = self._planned.reader
        account, source = reader.account, named(reader.path)
        for line in account.changes():
            self._warn(f"{source}: {line}")
        if self._refused:
            self._warn(f"{self._refused} damaged packets of other tracks are left out")
        whole = interrupted or (account.whole and not self._refused)
        if reader.ended_early:
            self._warn(f"{source} ends before the part that was asked for does")
        if not interrupted and not account.whole:
            self._warn(f"{source}: {account.damage()}")
        return StreamResult(
            frames_in=reader.frames,
            frames_out=self._frames,
            interrupted=interrupted,
            target=written,
            whole=whole,
            warnings=tuple(self._warnings),
        )

    def _warn(self, line: str) -> None:
        self._warnings.append(line)
        log.warning("%s", line)


def _restore_to_pictures(
    source: Path | str,
    target: Path,
    restorer: Restorer,
    options: StreamOptions,
    report: Callable[[StreamProgress], None],
) -> StreamResult:
    with planned_pictures(source, target, restorer, options) as planned:
        goes_on = options.resume is not None and options.resume.goes_on
        passed = planned.present() if goes_on else 0
        job = _Job(planned, restorer, report)
        with planned.names.made_folder(), planned.picture_writer(passed=passed) as writer:
            interrupted = job.run(writer, passed // planned.timing.multiplier)
        result = job.result(target, interrupted=interrupted)
        return replace(result, can_go_on=interrupted and result.frames_out > 0)


def _restore_picture(
    source: Path | str, target: Path | str, restorer: Restorer, options: StreamOptions
) -> StreamResult:
    _refuse_several(source, restorer)
    if options.deinterlace is not None:
        raise VideoError(f"{source} is a picture, which is not deinterlaced")
    if not options.part.is_all:
        raise VideoError(f"{source} is a picture, which has no --start and no --duration")
    if not (isinstance(source, Path) and isinstance(target, Path)) or is_stream(target):
        raise VideoError("a picture is read from a file and written to a file; give two names")
    with partial_file(target) as partial:
        restore_picture(source, target, restorer, partial.path, options)
        partial.keep(real_target(target))
    return StreamResult(frames_in=1, frames_out=1, interrupted=False, target=target)


def _is_picture(name: Path | str) -> bool:
    return isinstance(name, Path) and is_picture(name)


def _refuse_several(source: Path | str, restorer: Restorer) -> None:
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
