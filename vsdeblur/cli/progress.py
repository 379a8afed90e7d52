"""Progress on stderr for the commands."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["StatusLine", "StreamBar", "step"]


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


class StatusLine:
    """A line that is replaced by the next one. Use it in a `with` statement.

    Args:
        console: Where it is drawn; nothing is drawn where that is no terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def update(self, text: str) -> None:
        """Draw another line."""
        if self._live.is_started:
            self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)


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
