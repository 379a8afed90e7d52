"""`vsdeblur completion`: lets a shell complete commands, options and their values."""

from __future__ import annotations

import os
from pathlib import PurePath

import click
from click.shell_completion import get_completion_class

from ..errors import OptionError

__all__ = ["completion"]

SHELLS = ("bash", "zsh", "fish", "powershell")
PROGRAM, VARIABLE = "vsdeblur", "_VSDEBLUR_COMPLETE"
"""The variable is what click looks for in the environment."""


@click.command()
@click.argument("shell", metavar="[bash|zsh|fish|powershell]", required=False)
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> int:
    """Print what a shell has to run to complete this command.

    \b
    in ~/.bashrc:    eval "$(vsdeblur completion bash)"
    in ~/.zshrc:     eval "$(vsdeblur completion zsh)"
    in PowerShell's $PROFILE:
                     vsdeblur completion powershell | Out-String | Invoke-Expression
    for fish, once:  vsdeblur completion fish > ~/.config/fish/completions/vsdeblur.fish

    Without a name, the shell is guessed.
    """  # noqa: D301
    name = _guessed() if shell is None else shell
    if name not in SHELLS:
        raise OptionError(f"unknown shell {name!r}; choose one of: {', '.join(SHELLS)}")
    kind = get_completion_class(name)
    if kind is None:
        raise OptionError(f"this version of click does not know {name}; run: pip install -U click")
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
    return 0


def _guessed() -> str:
    """The shell that this was started from, as far as the environment tells."""
    if os.name == "nt":
        return "powershell"
    return PurePath(os.environ.get("SHELL", "")).name
