"""The figures as tables on a console."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from ..evaluation import Evaluation
from ..scores import SetScores
from .cases import CaseRow, case_rows
from .comparison import find_out, published_seconds
from .summary import Section, Summary, formatted, published_columns, summarize

__all__ = ["print_tables"]

ASIDE = ("psnr_aligned", "shift", "shift_change", "lamps", "bar")
"""Columns that are told in a line below the table, which would be too wide with them."""


def print_tables(evaluation: Evaluation, console: Console) -> None:
    """Print a table for every set, and the time a frame takes."""
    for scores in evaluation.sets:
        method = evaluation.method
        summary = summarize(scores, method.name, method.stages)
        console.print(_table(scores, summary))
        if scores.by_video:
            console.print(_cases(case_rows(scores)))
        found = [finding.text for finding in find_out(scores, method.filter)]
        for line in (*_aside(summary), *_notes(summary), *found, _time(scores, evaluation)):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        console.print()


def _table(scores: SetScores, summary: Summary) -> Table:
    table = Table(
        title=f"{scores.title}, {scores.split}", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("", no_wrap=True)
    columns = {name: texts for name, texts in summary.columns.items() if name not in ASIDE}
    for title, unit in columns.values():
        first, second = title.split(" ")
        table.add_column(f"{first}\n{second}\n{unit}", justify="right", no_wrap=True)
    for section in summary.sections:
        _add(table, section, list(columns))
    return table


def _cases(rows: list[CaseRow]) -> Table:
    """Mean and worst of every case; what no case has is left out."""
    columns = {
        "frames": [str(row.num_frames) for row in rows],
        "mean gain\ndB": [f"{row.mean_gain:+.2f}" for row in rows],
        "worst gain\ndB": [f"{row.worst_gain:+.2f}" for row in rows],
        "white lamps\nshare": [formatted("lamps", row.white_lamps) for row in rows],
        "bar light\nlevels": [formatted("bar", row.bar_light) for row in rows],
    }
    shown = {title: texts for title, texts in columns.items() if any(texts)}
    table = Table(title="luma PSNR by case", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    for title in shown:
        table.add_column(title, justify="right", no_wrap=True)
    for row, *texts in zip(rows, *shown.values(), strict=True):
        table.add_row(row.name, *texts)
    return table


def _aside(summary: Summary) -> list[str]:
    """One line: what each figure is of the input and of the restored frames."""
    rows = summary.sections[0].ours  # the mean over all frames
    before, *_, after = [row.figures for row in rows if "psnr_luma" in row.figures]
    told = [
        f"{title} {formatted(name, before[name])} to {formatted(name, after[name])} {unit}"
        for name, (title, unit) in summary.columns.items()
        if name in ASIDE
    ]
    return [", ".join(told)] if told else []


def _add(table: Table, section: Section, columns: list[str]) -> None:
    table.add_row(section.title, style="bold")
    for row in section.ours:
        table.add_row(row.method, *(formatted(c, row.figures.get(c)) for c in columns))
    change = [formatted(c, section.change.get(c), sign=True) for c in columns]
    table.add_row("change", *change, end_section=not section.published)
    if section.published:
        table.add_row("published", style="bold")
    for published in section.published:
        figures = published_columns(published)
        cells = [formatted(c, figures.get(c)) for c in columns]
        table.add_row(published.method, *cells, end_section=published is section.published[-1])


def _notes(summary: Summary) -> list[str]:
    notes = [
        f"{', '.join(methods)}: {text}"
        for section in summary.sections
        for text, methods in section.protocols.items()
    ]
    if summary.apart:
        count = len(summary.apart)
        notes.append(f"{count} figures are not set beside: {summary.why_apart}")
    return notes


def _time(scores: SetScores, evaluation: Evaluation) -> str:
    method = evaluation.method
    published = published_seconds(method.filter)
    ours = (
        f"{method.name}: {1000 * scores.seconds_a_frame:.1f} ms a frame of "
        f"{', '.join(scores.sizes)} (median), {method.precision} on {evaluation.device_name}"
    )
    if published is None:
        return ours
    return f"{ours}; published: {published.value:g} s {published.protocol}"
