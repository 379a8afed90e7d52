"""Progress of the commands: a bar on terminals, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import monotonic
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

__all__ = [
    "FramesDone",
    "PlainLines",
    "ProgressView",
    "StatusLine",
    "StreamBar",
    "print_line",
    "progress_view",
    "step",
]

LINE_SECONDS = 30.0
"""Between two lines where there is no terminal."""


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


class ProgressView(Protocol):
    """Shows how far the work is, inside a `with` statement."""

    def __enter__(self) -> Self:
        """Start to show it."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take away what does not stay."""
        ...

    def update(self, progress: FramesDone) -> None:
        """Show how far the work is."""
        ...


def progress_view(console: Console) -> ProgressView:
    """A bar where the console is a terminal, lines where it is not."""
    return StreamBar(console) if console.is_terminal else PlainLines(print_line)


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
            rate=frames_per_second(progress),
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


class PlainLines:
    """A line from time to time, for logs.

    Args:
        say: Is given each line.
        seconds: Between two lines.
    """

    def __init__(self, say: Callable[[str], None], seconds: float | None = None) -> None:
        self._say = say
        self._seconds = LINE_SECONDS if seconds is None else seconds
        self._said_at = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return

    def update(self, progress: FramesDone) -> None:
        """Say how far the work is, if it is time to."""
        if monotonic() - self._said_at < self._seconds:
            return
        self._said_at = monotonic()
        expected = progress.frames_expected
        of_all = "" if expected is None else f" of {expected}"
        left = seconds_left(progress)
        and_left = "" if left is None else f", {timedelta(seconds=round(left))} left"
        self._say(
            f"restoring: {progress.frames_done}{of_all} frames, "
            f"{frames_per_second(progress):.2f} frames/s{and_left}"
        )


def frames_per_second(progress: FramesDone) -> float:
    """Mean speed since the start, of frames that no earlier run had restored."""
    kept = getattr(progress, "frames_kept", 0)
    return (progress.frames_done - kept) / max(progress.seconds_elapsed, 1e-6)


def seconds_left(progress: FramesDone) -> float | None:
    """What the rest takes at that speed; None = nobody knows how much that is."""
    if progress.frames_expected is None or not frames_per_second(progress):
        return None
    rest = max(0, progress.frames_expected - progress.frames_done)
    return rest / frames_per_second(progress)


def print_line(line: str) -> None:
    """Print a line to stderr as it is: names may hold what Rich takes for markup."""
    console = Console(stderr=True)
    console.print(line, highlight=False, soft_wrap=True, markup=False)


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
