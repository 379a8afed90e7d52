"""Writes docs/command.md: every command with its options, in the groups of its help."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from vsdeblur.cli.main import app
from vsdeblur.cli.option_groups import sections_of

__all__ = ["command_sections"]


def command_sections() -> Iterator[str]:
    """Lines of Markdown: a section for each command."""
    with click.Context(app, info_name="vsdeblur") as root:
        for name in app.list_commands(root):
            yield from _section(app.commands[name], name, root)


def _section(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    """A command's own section, or one for each of a group's."""
    with click.Context(command, info_name=name, parent=parent) as context:
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield from [f"## {context.command_path}", "", f"    {usage}", ""]
        yield from _prose(command.help or "")
        if isinstance(command, click.Group):
            for part in command.list_commands(context):
                yield from _section(command.commands[part], part, context)
            return
        for section in sections_of(command, context):
            rows = [row for row in section.rows if row.name != "--help"]
            if not rows:
                continue
            if section.title != "Options":
                yield from [f"**{section.title}**", ""]
            yield from ["| option | meaning |", "| --- | --- |"]
            for name, text in rows:
                yield f"| `{_cell(name)}` | {_cell(text).replace('<', '&lt;')} |"
            yield ""


def _prose(help_text: str) -> Iterator[str]:
    """A command's help; what it wants kept as it is becomes a block of code."""
    for paragraph in inspect.cleandoc(help_text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield from (f"    {line}" for line in paragraph.splitlines()[1:])
        else:
            yield from paragraph.splitlines()
        yield ""


def _cell(text: str) -> str:
    """A text that does not end a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")
