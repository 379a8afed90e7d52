"""Options of the `vsdeblur` command: made from the manifest, or of a kind that click lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from ..errors import OptionError
from ..manifest import FilterFacts, Parameter, PluginFacts
from .option_groups import FilterOption

__all__ = [
    "RESTORE_GROUPS",
    "ManyFolders",
    "filter_option",
    "filter_options",
    "parsed",
]

RUNNING = ("--precision", "--backend", "--num-streams", "--tile", "--cache")
"""How the network runs."""
RESTORE_GROUPS = {
    "Common options": (
        "--filter",
        "--model",
        "--device",
        "--codec",
        "--quality",
        "--preset",
        "--out",
        "--start",
        "--duration",
        "--overwrite",
        "--resume",
        "--dry-run",
        "--help",
    ),
    "Several files": ("--suffix", "--recursive", "--no-clobber"),
    "What is read": ("--input-rate", "--join", "--strict", "--allow-playlist", "--max-megapixels"),
    "What is written": (
        "--audio",
        "--subtitles",
        "--container",
        "--pixel-format",
        "--encoder-option",
        "--drop",
        "--no-settings-tag",
    ),
    "Interlaced video": ("--deinterlace", "--field-order"),
    "Filters that give several frames for each": (
        "--high-rate",
        "--slow-motion",
        "--stretch-audio",
    ),
    "What is said": ("--quiet", "--verbose", "--json"),
    "All filters": ("--strength", "--tta", "--weights", "--scene-threshold", *RUNNING),
}
"""The options of `restore`, in the order of its help."""


class ManyFolders(click.Command):
    """A command whose repeatable options take several values after one name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn `--data A B` into `--data A --data B`."""
        many = {o for p in self.params if getattr(p, "multiple", False) for o in p.opts}
        spread: list[str] = []
        name = ""  # the repeatable option whose values are being read
        for arg in args:
            if arg.startswith("-"):
                name = arg if arg in many else ""
            elif name and spread[-1] != name:
                spread.append(name)
            spread.append(arg)
        return super().parse_args(ctx, spread)


def filter_option(
    plugin: PluginFacts, *, several: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the option that says which filter; the manifest's first is the default.

    Args:
        plugin: What filters there are.
        several: Whether it may be repeated.
    """
    names = list(plugin.filters)
    return click.option(
        "--filter", "filter_name", multiple=several,
        default=(names[0],) if several else names[0], show_default=True,
        metavar=f"[{'|'.join(names)}]", help="Filter; may be repeated." if several else "Filter.",
        shell_complete=lambda ctx, param, start: [n for n in names if n.startswith(start)],
    )  # fmt: skip


def filter_options(
    plugin: PluginFacts, *, several: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command an option for every parameter of every filter, from the manifest.

    Args:
        plugin: What filters there are.
        several: Parameters whose options may be repeated.
    """
    owners: dict[str, dict[str, Parameter]] = {}
    for facts in plugin.filters.values():
        for parameter in facts.parameters.values():
            owners.setdefault(parameter.name, {})[facts.name] = parameter

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, parameters in reversed(owners.items()):
            option = click.option(
                f"--{name.replace('_', '-')}",
                name,
                cls=FilterOption,
                multiple=name in several,
                metavar=_metavar(list(parameters.values())),
                texts={each: _help(parameter) for each, parameter in parameters.items()},
                others=len(parameters) < len(plugin.filters),
            )
            command = option(command)
        return command

    return decorate


def _help(parameter: Parameter) -> str:
    if parameter.default is None:
        return parameter.help
    return f"{parameter.help} [default: {str(parameter.default).lower()}]"


def _metavar(parameters: Sequence[Parameter]) -> str:
    choices = dict.fromkeys(choice for parameter in parameters for choice in parameter.choices)
    if choices:
        return "[" + "|".join(map(str, choices)) + "]"
    kind = parameters[0].type
    return {"size": "WxH", "str": "FILE", "bool": "[true|false]"}.get(kind, kind.upper())


def parsed(facts: FilterFacts, given: dict[str, str | None]) -> dict[str, Any]:
    """Options as the filter wants them; what was not given keeps the filter's default."""
    values = {}
    for name, text in given.items():
        if text is None:
            continue
        if name not in facts.parameters:
            raise OptionError(f"filter {facts.name!r} has no option --{name.replace('_', '-')}")
        values[name] = facts.parameters[name].check(_value(facts.parameters[name].type, text))
    return values


def _value(kind: str, text: str) -> object:
    """Text from the command line in a parameter's type; as it is where it does not fit."""
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "size":
                width, height = text.lower().split("x")
                return int(width), int(height)
    except (ValueError, KeyError):
        pass
    return text
