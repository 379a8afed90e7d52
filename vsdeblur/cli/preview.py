"""`vsdeblur preview`: before and after at a few moments, as a page or a picture."""

from __future__ import annotations

import os
import re
import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from ..errors import OptionError
from ..manifest import load_manifest
from .option_groups import GroupedCommand
from .options import RUNNING, filter_option, filter_options, parsed
from .progress import step
from .reporting import reporter, reporting_options

if TYPE_CHECKING:
    from ..preview import Asked
    from ..stream.positions import Position

__all__ = ["preview"]

GROUPS = {
    "Common options": (
        "--at",
        "--filter",
        "--model",
        "--device",
        "--out",
        "--overwrite",
        "--no-browser",
        "--quiet",
        "--verbose",
        "--help",
    ),
    "What is read": ("--allow-playlist", "--max-megapixels"),
    "All filters": ("--strength", "--tta", "--weights", "--scene-threshold", *RUNNING),
}
_ALWAYS_GRAPHICAL = ("win32", "darwin")
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""Variables without which, on other systems, a browser would be one of text, in the terminal."""


@click.command(cls=GroupedCommand, groups=GROUPS)
@click.argument("source", metavar="IN", type=click.Path(readable=False))
@click.option(
    "--at", "at", multiple=True, metavar="TIME",
    help="Where to look: 83.5 (seconds), 1:23.5 or 2087f (a frame); may be repeated [default: at "
    "three moments].",
)  # fmt: skip
@filter_option(load_manifest(), several=True)
@filter_options(load_manifest(), several=("model",))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="Page (.html) or picture (.png) to write [default: NAME.preview.html, here].",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace FILE even if it is no preview.")
@click.option("--no-browser", is_flag=True, help="Write the page and do not open it.")
@click.option(
    "--max-megapixels", type=click.FloatRange(min=0), default=300.0, show_default=True,
    help="Still pictures with more are refused.",
)  # fmt: skip
@click.option(
    "--allow-playlist", is_flag=True, help="Let a local playlist open the files that it names."
)
@reporting_options(as_json=False)
def preview(
    source: str,
    at: tuple[str, ...],
    filter_name: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    no_browser: bool,
    max_megapixels: float,
    allow_playlist: bool,
    **given: Any,  # noqa: ANN401
) -> int:
    """Look at what filters would make of a video or a picture.

    A page with the source and the result on the two sides of a line to move, what changed most
    enlarged, a map of the change, and the command that restores the whole. It is one file, needs no
    network, and is opened in the browser. With several --filter or --model these can be compared.
    """
    from ..preview import check_target
    from ..stream.positions import parse_position

    places = [parse_position(text) for text in at]
    wanted = list(_wanted(filter_name, given))
    target = out or Path(f"{_stem(source)}.preview.html")
    check_target(target, overwrite=overwrite)
    reporter().explain_failures()
    look = _Look(source, target, wanted)
    if _is_picture(source):
        look.at_picture(places, max_megapixels)
    else:
        look.at_film(places, allow_playlist=allow_playlist)
    is_page = target.suffix.lower() != ".png"
    is_open = is_page and not no_browser and _open(target)
    reporter().say(f"{target}: open it in a browser" if is_page and not is_open else str(target))
    return 0


@dataclass(frozen=True)
class _Wanted:
    """A version, before it is loaded."""

    filter_name: str
    options: dict[str, Any]
    words: tuple[str, ...]
    """The same, as on the command line."""


@dataclass(frozen=True)
class _Look:
    """One run of the command."""

    source: str
    target: Path
    wanted: Sequence[_Wanted]

    def at_picture(self, places: Sequence[Position], max_megapixels: float) -> None:
        """Look at a picture.

        Raises:
            OptionError: Moments were asked for.
        """
        from ..preview import see_picture, write_preview
        from ..stream.paths import check_source

        if places:
            raise OptionError("--at is for videos; a picture has one moment")
        check_source(Path(self.source))
        versions = self._loaded()
        with self._steps() as report:
            sight = see_picture(
                Path(self.source), versions, max_megapixels=max_megapixels, report=report
            )
            height, width, _ = sight.source.shape
            facts = [f"{width}x{height}", f"restored on {versions[0].restorer.device}"]
            write_preview(self.target, self.source, facts, [sight], versions)

    def at_film(self, places: Sequence[Position], *, allow_playlist: bool) -> None:
        """Look at a video."""
        from ..preview import film_facts, see_film, write_preview
        from ..stream.film import Film

        with Film(self.source, allow_playlist=allow_playlist) as film:
            versions = self._loaded()
            facts = [*film_facts(film), f"restored on {versions[0].restorer.device}"]
            with self._steps() as report:
                sights = see_film(film, places, versions, report)
                write_preview(self.target, self.source, facts, sights, versions)

    def _loaded(self) -> list[Asked]:
        """The versions, in the order in which they were asked for."""
        from ..preview import Asked
        from ..restorers import load_restorer
        from ..stream import settings_text

        versions = []
        for each in self.wanted:
            options = dict(each.options)
            threshold = options.pop("scene_threshold", None)
            restorer = load_restorer(each.filter_name, **options)
            settings = settings_text(each.filter_name, each.options, restorer.device)
            versions.append(
                Asked(
                    name=_name(each),
                    restorer=restorer,
                    options=each.words,
                    settings=settings,
                    scene_threshold=threshold,
                )
            )
        return versions

    @contextmanager
    def _steps(self) -> Iterator[Callable[[str], None]]:
        """Show what is done, where there is a terminal."""
        if reporter().quiet:
            yield lambda doing: None
            return
        with step(Console(stderr=True), "looking") as progress:
            yield lambda doing: progress.update(progress.task_ids[0], description=doing)


def _name(wanted: _Wanted) -> str:
    """What a version is called on the page."""
    model = wanted.options.get("model", "auto")
    return wanted.filter_name if model == "auto" else f"{wanted.filter_name} {model}"


def _wanted(filters: Sequence[str], given: Mapping[str, Any]) -> Iterator[_Wanted]:
    """The versions that were asked for: each filter with each model.

    Raises:
        OptionError: An option is not allowed, or none of the filters has it.
    """
    manifest = load_manifest()
    others = {name: text for name, text in given.items() if name != "model" and text is not None}
    for name in others:
        if not any(name in manifest.filter(each).parameters for each in filters):
            raise OptionError(
                f"filter {' or '.join(map(repr, filters))} has no option --{name.replace('_', '-')}"
            )
    for filter_name in dict.fromkeys(filters):
        facts = manifest.filter(filter_name)
        own = {name: text for name, text in others.items() if name in facts.parameters}
        for model in dict.fromkeys(given["model"]) or [None]:
            texts = own if model is None else {"model": model, **own}
            words = [("--filter", filter_name)]
            words += [(f"--{name.replace('_', '-')}", text) for name, text in texts.items()]
            yield _Wanted(
                filter_name, parsed(facts, texts), tuple(w for pair in words for w in pair)
            )


def _stem(source: str) -> str:
    """The name of a source without its folder and its suffix."""
    path = re.split(r"[?#]", source)[0] if "://" in source else source
    return PurePath(path).stem or "video"


def _is_picture(source: str) -> bool:
    from ..stream.still import is_picture

    return "://" not in source and is_picture(Path(source))


def _open(page: Path) -> bool:
    """Open a page in the user's browser; whether there is one."""
    if sys.platform not in _ALWAYS_GRAPHICAL and not any(map(os.environ.get, _DISPLAYS)):
        return False
    try:
        return webbrowser.open(page.resolve().as_uri())
    except (webbrowser.Error, OSError):
        return False
