"""A command to copy, in the quotes of the user's shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath

__all__ = ["command_line", "restore_command"]

_PLAIN_ON_WINDOWS = re.compile(r"[\w+=:./\\-]+")


def restore_command(source: str, options: Sequence[str], *, windows: bool | None = None) -> str:
    """The `vsdeblur restore` command that restores the whole of a source.

    Args:
        source: As it was given.
        options: The filter's.
        windows: Whether it is for PowerShell or cmd; None = where this runs.
    """
    path = PurePath(re.split(r"[?#]", source)[0] if "://" in source else source)
    suffix = ".png" if path.suffix.lower() in (".heic", ".heif") else path.suffix or ".mkv"
    target = f"{path.stem}-restored{suffix}"
    if "://" not in source:
        target = str(path.with_name(target))
    words = ["vsdeblur", "restore", _not_an_option(source), _not_an_option(target), *options]
    return command_line(words, windows=windows)


def command_line(words: Sequence[str], *, windows: bool | None = None) -> str:
    """Words as a line for the shell of this system, or of Windows.

    >>> command_line(["vsdeblur", "info", "my film.mp4"], windows=False)
    "vsdeblur info 'my film.mp4'"
    >>> command_line(["vsdeblur", "info", "my film.mp4"], windows=True)
    'vsdeblur info "my film.mp4"'
    """
    if os.name != "nt" if windows is None else not windows:
        return shlex.join(words)
    return " ".join(map(_quoted_on_windows, words))


def _quoted_on_windows(word: str) -> str:
    """In the quotes that PowerShell and cmd share; where PowerShell would expand, in its own."""
    if _PLAIN_ON_WINDOWS.fullmatch(word):
        return word
    if "$" in word or "`" in word:
        return "'" + word.replace("'", "''") + "'"
    return f'"{word}"'


def _not_an_option(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name
