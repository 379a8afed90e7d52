"""What the commands say on stderr: lines, refusals and progress."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["StreamBar", "refuse", "say", "step"]


class FramesDone(Protocol):
    """What a front end reports while it works."""

    @property
    def frames_done(self) -> int:
        """Frames written so far."""
        ...

    @property
    def frames_expected(self) -> int | None:
        """Frames there will be, as far as the source tells."""
        ...

    @property
    def seconds_elapsed(self) -> float:
        """Seconds since the start."""
        ...


class StreamBar:
    """Frames done, frames a second and time left.

    Args:
        console: Where it is drawn; nothing is drawn where that is no terminal.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("restoring"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} frames/s"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("restoring", total=None, rate=0.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def update(self, progress: FramesDone) -> None:
        """Draw how far the work is."""
        self._progress.update(
            self._task,
            completed=progress.frames_done,
            total=progress.frames_expected,
            rate=progress.frames_done / max(progress.seconds_elapsed, 1e-6),
        )


def step(console: Console, text: str) -> Progress:
    """A step whose length is not known: what it is, and for how long it has run.

    Args:
        console: Where it is drawn; nothing is drawn where that is no terminal.
        text: What is done.

    Returns:
        A context manager, around the step.
    """
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    progress.add_task(text, total=None)
    return progress


def say(line: str) -> None:
    """Print a line as it is: names may hold what Rich takes for markup."""
    Console(stderr=True).print(line, highlight=False, soft_wrap=True, markup=False)


def refuse(message: str) -> int:
    """Say in one line what is wrong; the return value is the exit status."""
    sys.stderr.write(f"vsdeblur: error: {' '.join(message.split())}\n")
    return 2
