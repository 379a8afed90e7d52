"""Says what has been measured as soon as it is: on the console, and in files."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import click

from ..runtime.backends.engine_cache import write_beside
from .jobs import Jobs
from .rendering import as_json, as_line, as_markdown, heading
from .rows import Row, Shells

__all__ = ["Report"]


class Report:
    """A benchmark under way. Stdout gets the table row by row, stderr what leads to a row.

    The files are whole at any time: they are written anew with every figure. Leaving the `with`
    statement, by whatever, prints a row that was begun.

    Args:
        json_file: File for all figures; None = none is written.
        markdown_file: File for the table.
    """

    def __init__(self, json_file: Path | None, markdown_file: Path | None) -> None:
        self._json_file, self._markdown_file = json_file, markdown_file
        self._rows: list[Row] = []
        self._begun: Row | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._begun is not None:
            self.add(self._begun)

    def tell(self, row: Row) -> None:
        """Say how a row stands that is not finished."""
        if row.frames_per_second is not None:
            said = f"through vspipe: {row.frames_per_second:.3g} frames/s"
        elif row.network is not None:
            speed = row.network
            said = f"network alone: {1 / speed.seconds:.3g} frames/s, share {speed.share:.2f}"
        else:
            said = f"engine build: {sum(row.build_seconds):.1f} s"
        click.echo(f"{said} ({row.missing})" if row.missing else said, err=True)
        self._begun = row
        self._write([*self._rows, row])

    def add(self, row: Row) -> None:
        """Print a finished row."""
        if not self._rows:
            click.echo(heading())
        click.echo(as_line(row))
        click.echo("\n".join(text for text in (row.pipe, row.missing) if text), err=True)
        self._begun = None
        self._rows.append(row)
        self._write(self._rows)

    def add_shells(self, shells: Shells) -> None:
        """Print what the shells take."""
        click.echo(as_markdown([], shells))
        self._write([], shells=shells)

    def add_jobs(self, jobs: Jobs) -> None:
        """Print what jobs take side by side."""
        click.echo(as_markdown([], jobs=jobs))
        self._write([], jobs=jobs)

    def _write(
        self, rows: list[Row], *, shells: Shells | None = None, jobs: Jobs | None = None
    ) -> None:
        if self._json_file is not None:
            write_beside(self._json_file, as_json(rows, shells, jobs).encode())
        if self._markdown_file is not None:
            write_beside(self._markdown_file, as_markdown(rows, shells, jobs).encode())
