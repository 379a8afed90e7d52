"""What was begun: whether a job is the one that was, and whether there is one to go on with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ...errors import VideoError
from ..paths import is_stream, real_target, short_name
from ..planning import PlannedJob
from ..sequences.names import find_pictures, is_sequence
from ..source import is_address, is_pipe
from ..still import is_picture
from .journal import Journal

__all__ = [
    "can_be_noted",
    "check_begun",
    "differences",
    "facts_of_job",
    "is_worth_keeping",
    "journal_path",
    "refusal",
]

WORTH_SECONDS = 60.0
"""Work from which it is not lost unasked."""
_SUFFIX = ".resume"
_SQLITES_OWN = "-journal"
"""What SQLite puts behind the name of a database for a file of its own."""
_QUIET = frozenset({"seconds", "partial", "incomplete", "time base", "encoder's header"})
"""Facts that are no settings."""


def journal_path(target: Path) -> Path:
    """Where the notes of a target lie."""
    target = real_target(target)
    name = short_name(target.name, f"{_SUFFIX}{_SQLITES_OWN}").removesuffix(_SQLITES_OWN)
    return target.with_name(name)


def check_begun(target: Path | str, *, goes_on: bool, overwrite: bool) -> None:
    """Refuse to begin again what was begun, before a model is loaded in vain.

    Raises:
        VideoError: There is something to go on with, and it may not be lost; or another job is
            writing it.
    """
    if str(target) == "-" or is_address(target) or is_stream(target) or is_picture(Path(target)):
        return
    path = journal_path(Path(target))
    if goes_on or overwrite or not path.exists():
        return
    journal = Journal(path)
    try:
        if is_worth_keeping(journal):
            raise refusal(Path(target), journal)
    finally:
        journal.close()


def is_worth_keeping(journal: Journal) -> bool:
    """Whether so much is done that it is not lost unasked."""
    return float(journal.facts().get("seconds", 0)) >= WORTH_SECONDS


def refusal(target: Path, journal: Journal) -> VideoError:
    """Why a job is not begun again."""
    minutes = round(float(journal.facts().get("seconds", 0)) / 60)
    return VideoError(
        f"{target} was begun and stopped after {minutes} minutes; go on with --resume, or begin "
        "again with --overwrite"
    )


def facts_of_job(planned: PlannedJob, settings: str) -> dict[str, str]:
    """What makes a job the same, by what it is called, as options where it is one."""
    options, reader = planned.options, planned.reader
    version, _, rest = settings.partition(": ")
    chosen, _, weights = rest.partition("; ")
    facts = {
        "version": version,
        "weights": weights,
        **_as_options(chosen),
        "codec": options.codec,
        "quality": f"{options.quality:g}",
        "preset": options.preset or "",
        "encoder options": " ".join(f"{k}={v}" for k, v in sorted(options.encoder_options.items())),
        "pixel format": reader.working_format,
        "container": planned.plan.container,
        "slow-motion": str(options.slow_motion),
        "start": str(options.part.start or ""),
        "duration": str(options.part.duration or ""),
        "scene-threshold": str(options.scene_threshold),
        "input-rate": str(options.input_rate or ""),
    }
    for number, source in enumerate((reader.path, *options.join), 1):
        facts[f"source {number}"] = _identity(source)
    return facts


def differences(begun: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """What a job has that is other than what was begun, each in words."""
    said = []
    for name in dict.fromkeys([*begun, *wanted]):
        before, now = begun.get(name, ""), wanted.get(name, "")
        if name in _QUIET or before == now:
            continue
        if name.startswith("source"):
            said.append(_of_source(before, now))
        else:
            said.append(f"with {name} {before or 'not given'}, not {now or 'not given'}")
    return said


def can_be_noted(source: Path | str, target: Path | str) -> bool:
    """Whether a job may be gone on with: its source can be read again, its target is a file."""
    return not (is_pipe(source) or is_address(source) or is_stream(target))


def _as_options(line: str) -> dict[str, str]:
    """Options of a line of settings, by name."""
    found = {}
    for part in line.split("--")[1:]:
        name, _, value = part.strip().partition(" ")
        found[name] = value or "on"
    return found


def _identity(source: Path | str) -> str:
    """A file's name, size and date; of a sequence, how many pictures and the latest date."""
    if is_sequence(source):
        paths = find_pictures(source).paths
        latest = max(path.stat().st_mtime_ns for path in paths)
        return f"{Path(source).name}/{len(paths)}/{latest}"
    with suppress(OSError):
        status = os.stat(source)  # noqa: PTH116 - a path or a name
        return f"{Path(source).name}/{status.st_size}/{status.st_mtime_ns}"
    return str(source)


def _of_source(before: str, now: str) -> str:
    """How one source differs from another."""
    name, other = before.partition("/")[0], now.partition("/")[0]
    if name == other:
        return f"with {name} as it was before it changed"
    return f"with {name or 'fewer files'}, not {other or 'fewer files'}"
