"""What a command says while it works: to people on stderr, or to programs in lines of JSON."""

from __future__ import annotations

import functools
import json
import logging
import sys
from collections.abc import Callable
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
from rich.console import Console
from rich.logging import RichHandler

from ..errors import OptionError
from .progress import (
    FramesDone,
    PlainLines,
    ProgressView,
    frames_per_second,
    print_line,
    progress_view,
    seconds_left,
)

if TYPE_CHECKING:
    from ..stream import StreamResult

__all__ = [
    "Reporter",
    "log_to",
    "reporter",
    "reporting_options",
    "rich_handler",
]


_one_at_a_time = Lock()  # what is logged comes from several threads
JSON_SECONDS = 0.5
"""Between two reports of progress to a program."""


class Reporter:
    """Says what a command has to say; until it is set up, to people and no more than needed."""

    def __init__(self) -> None:
        self.quiet = self.verbose = False
        self._json: Callable[[dict[str, object]], None] | None = None
        self._json_is_on_stderr = False

    def set_up(self, *, quiet: bool, verbose: bool, as_json: bool, stdout_is_taken: bool) -> None:
        """Choose how much is said, and to whom.

        Args:
            quiet: Only errors.
            verbose: FFmpeg's lines too.
            as_json: To a program, an object a line.
            stdout_is_taken: Whether frames go there; the program is then told on stderr.

        Raises:
            OptionError: Two exclude each other.
        """
        if quiet and (verbose or as_json):
            raise OptionError(f"give --quiet or {'--verbose' if verbose else '--json'}, not both")
        self.quiet, self.verbose = quiet, verbose
        self._json_is_on_stderr = stdout_is_taken
        self._json = _write_to_stderr if stdout_is_taken else _write_to_stdout
        if not as_json:
            self._json = None
        handler = rich_handler() if self._json is None else _JsonHandler(self._json)
        log_to(handler, logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)

    def explain_failures(self) -> None:
        """Let FFmpeg's reasons reach the user; where PyAV is not used, it is not imported."""
        from ..stream.ffmpeg_log import FFmpegLines, listen_to_ffmpeg

        listen_to_ffmpeg(FFmpegLines.ALL if self.verbose else FFmpegLines.REASONS)

    def say(self, line: str) -> None:
        """Say what was done."""
        if self._json is not None:
            self._json({"event": "message", "level": "info", "text": line})
        elif not self.quiet:
            print_line(line)

    def progress(self, source: str, target: str) -> ProgressView:
        """What shows how far a job is."""
        if self._json is not None:
            return _JsonProgress(self._json, source, target)
        if self.quiet:
            return PlainLines(print_line, seconds=float("inf"))
        if self.verbose:  # FFmpeg's lines would go through a bar
            return PlainLines(print_line)
        return progress_view(Console(stderr=True))

    def done(self, source: str, result: StreamResult) -> None:
        """Say what came of a job."""
        written = str(result.target)
        if self._json is not None:
            figures = {
                name: getattr(result, name)
                for name in ("frames_in", "frames_out", "interrupted", "whole")
            }
            self._json({"event": "done", "source": source, "target": written, **figures})
        elif result.frames_out:
            count = f"{result.frames_out} frame{'s' * (result.frames_out != 1)}"
            self.say(f"{'stdout' if written == '-' else written}: {count}")

    def refuse(self, message: str, status: int) -> int:
        """Say what went wrong, in one line; returns the exit status."""
        line = " ".join(message.split())
        if self._json is not None:
            self._json({"event": "error", "status": status, "text": line})
        if self._json is None or not self._json_is_on_stderr:
            click.echo(f"vsdeblur: error: {line}", err=True)
        return status


def reporter() -> Reporter:
    """The reporter of the command that runs."""
    found = click.get_current_context().find_object(Reporter)
    assert found is not None
    return found


def reporting_options(*, as_json: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command --quiet and --verbose, and set its reporter up before it runs.

    Args:
        as_json: Whether it has --json too.
    """
    options = [
        click.option("--quiet", is_flag=True, help="Say nothing but errors."),
        click.option("--verbose", is_flag=True, help="Show all that FFmpeg says, too."),
    ]
    if as_json:
        text = "Report to a program: an object of JSON a line, on stdout, or on stderr where OUT is"
        options.append(click.option("--json", "as_json", is_flag=True, help=f"{text} stdout."))

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def reported(
            *args: Any,  # noqa: ANN401
            quiet: bool,
            verbose: bool,
            as_json: bool = False,
            **more: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            reporter().set_up(
                quiet=quiet,
                verbose=verbose,
                as_json=as_json,
                stdout_is_taken=more.get("names", ("",))[-1] == "-",
            )
            return command(*args, **more)

        for option in reversed(options):
            reported = option(reported)
        return reported

    return decorate


def rich_handler() -> logging.Handler:
    """Shows people what is logged."""
    return RichHandler(console=Console(stderr=True), show_path=False, show_time=False)


def log_to(handler: logging.Handler, level: int = logging.INFO) -> None:
    """Let a handler alone have what is logged, and of other packages no more than what matters."""
    handler.setLevel(level)
    logging.getLogger("vsdeblur").setLevel(level)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler], force=True)


class _JsonProgress:
    """Tells a program how far a job is."""

    def __init__(
        self, write: Callable[[dict[str, object]], None], source: str, target: str
    ) -> None:
        self._write = write
        self._names = {"source": source, "target": target}
        self._said_at = float("-inf")
        self._last: FramesDone | None = None
        """What has not been told yet."""

    def __enter__(self) -> Self:
        self._write({"event": "start", **self._names})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._last is not None:
            self._tell(self._last)

    def update(self, progress: FramesDone) -> None:
        """Tell how far the job is, if it is time to."""
        self._last = progress
        if monotonic() - self._said_at >= JSON_SECONDS:
            self._tell(progress)

    def _tell(self, progress: FramesDone) -> None:
        self._said_at, self._last = monotonic(), None
        left = seconds_left(progress)
        self._write(
            {
                "event": "progress",
                **self._names,
                "frames_done": progress.frames_done,
                "frames_expected": progress.frames_expected,
                "seconds_elapsed": round(progress.seconds_elapsed, 3),
                "frames_per_second": round(frames_per_second(progress), 3),
                "seconds_left": None if left is None else round(left, 1),
            }
        )


class _JsonHandler(logging.Handler):
    """Tells a program what is logged."""

    def __init__(self, write: Callable[[dict[str, object]], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        level, text = record.levelname.lower(), record.getMessage()
        self._write({"event": "message", "level": level, "text": text})


def _write_to_stdout(event: dict[str, object]) -> None:
    _write_line(event, sys.stdout)


def _write_to_stderr(event: dict[str, object]) -> None:
    _write_line(event, sys.stderr)


def _write_line(event: dict[str, object], stream: Any) -> None:  # noqa: ANN401
    """Write an object at once; the job goes on when nobody reads it any more."""
    line = json.dumps(event) + "\n"
    with _one_at_a_time:
        try:
            stream.write(line)
            stream.flush()
        except (OSError, ValueError):
            return
