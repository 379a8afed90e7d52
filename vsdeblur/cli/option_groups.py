"""Help in groups: the options that most people want first, and each filter's own at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from ..manifest import load_manifest

__all__ = ["FilterOption", "GroupedCommand", "HelpRow", "Section", "sections_of"]

FURTHER = "Further options"
"""The group of options that no group names."""


class HelpRow(NamedTuple):
    """An option in the help."""

    name: str
    """Its names and what may follow them."""
    text: str


class Section(NamedTuple):
    """A group of options."""

    title: str
    rows: list[HelpRow]


class FilterOption(click.Option):
    """An option that stands for a parameter of filters.

    Args:
        texts: What it means, by filter.
        others: Whether there are filters that do not have it.
    """

    def __init__(self, *args: Any, texts: Mapping[str, str], others: bool, **more: Any) -> None:  # noqa: ANN401
        self.texts = texts
        self.others = others
        super().__init__(*args, **more)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """What a shell may put here: the choices of the filter that was given, or files."""
        given = ctx.params.get("filter_name") or ()
        filters = load_manifest().filters
        named = [filters[name] for name in ([given] if isinstance(given, str) else given)
                 if name in filters]  # fmt: skip
        known = named or filters.values()
        parameters = [facts.parameters[str(self.name)] for facts in known
                      if self.name in facts.parameters]  # fmt: skip
        if any(each.type == "str" and not each.choices for each in parameters):
            return [CompletionItem(incomplete, type="file")]
        choices = {
            "true" if choice is True else "false" if choice is False else str(choice)
            for each in parameters
            for choice in (each.choices or ((True, False) if each.type == "bool" else ()))
        }
        return [CompletionItem(text) for text in sorted(choices) if text.startswith(incomplete)]

    @property
    def differs(self) -> bool:
        """Whether it means something else to each filter."""
        return len(set(self.texts.values())) > 1

    @property
    def text(self) -> str:
        """What it means, in a line that names whom it means it to."""
        if self.differs:
            return f"Each filter has its own: see the options of {', '.join(self.texts)}."
        names = f"({', '.join(self.texts)}) " if self.others else ""
        return names + next(iter(self.texts.values()))


class GroupedCommand(click.Command):
    """A command whose help has groups.

    Args:
        groups: Title -> names of options ("--device"); those that are not there are passed over.
    """

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]], **more: Any) -> None:  # noqa: ANN401
        self.groups = groups
        super().__init__(*args, **more)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        for section in sections_of(self, ctx):
            with formatter.section(section.title):
                formatter.write_dl(section.rows)


def sections_of(command: click.Command, ctx: click.Context) -> Iterator[Section]:
    """The options of a command, in the groups it has; of one without, all in one."""
    options = {_name(each): each for each in command.get_params(ctx) if _is_shown(each)}
    groups = dict(getattr(command, "groups", {}))
    grouped = {name for names in groups.values() for name in names}
    owned = [
        each
        for name, each in options.items()
        if isinstance(each, FilterOption)
        if each.differs or (each.others and name not in grouped)
    ]
    rest = options.keys() - grouped - {_name(each) for each in owned if groups}
    further = [name for name in options if name in rest]
    for title, names in {**groups, FURTHER if groups else "Options": further}.items():
        rows = [_row(options[name], ctx) for name in names if name in options]
        if rows:
            yield Section(title, rows)
    for name in load_manifest().filters if groups else ():
        rows = [_row(each, ctx, name) for each in owned if name in each.texts]
        if rows:
            yield Section(f"Options of {name}", rows)


def _is_shown(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.hidden


def _name(option: click.Parameter) -> str:
    """Its first long name."""
    return next((name for name in option.opts if name.startswith("--")), option.opts[0])


def _row(option: click.Parameter, ctx: click.Context, filter_name: str = "") -> HelpRow:
    """The option's row; of a filter's section, with what it means to that filter."""
    names, text = option.get_help_record(ctx) or ("", "")
    if isinstance(option, FilterOption):
        text = option.texts[filter_name] if filter_name else option.text
    return HelpRow(names, text)
