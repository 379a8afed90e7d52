"""The page: slider, enlarged crops, heat maps and the command, all in one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from jinja2 import Environment
from numpy.typing import NDArray

from .. import __version__
from .change import MOST_CHANGE, change_of, heat_map, places_of_most_change
from .images import data_uri, no_larger
from .shell_words import restore_command
from .sights import Asked, Sight

__all__ = ["CROP_SIZE", "GENERATOR", "NUM_CROPS", "crops_of", "html_page"]

GENERATOR = "vsdeblur preview"
"""By which a page of ours is known from others."""
CROP_SIZE, NUM_CROPS = 160, 3
"""Pixels of a crop's sides, where the picture is large enough; how many of a moment."""


@dataclass(frozen=True)
class _ShownCrop:
    left: int
    top: int
    width: int
    height: int
    images: list[tuple[str, str]]
    """Label and data: URI, the source's first."""


@dataclass(frozen=True)
class _View:
    """A moment as the template wants it."""

    title: str
    width: int
    height: int
    aspect: float
    is_scaled: bool
    source: str
    versions: list[tuple[str, list[str], str]]
    """Name, data: URIs of the moments, data: URI of the heat map."""
    mean_change: list[float]
    crops: list[_ShownCrop]


def html_page(
    source: str, facts: Sequence[str], sights: Iterable[Sight], versions: Sequence[Asked]
) -> str:
    """A page that needs no other file and no network.

    Args:
        source: What was looked at, as it was given.
        facts: What is said of it, a few words each.
        sights: Its moments.
        versions: What restored them.
    """
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        source=source,
        facts=facts,
        views=[_view(sight) for sight in sights],
        commands=[(v.name, restore_command(source, v.options), v.settings) for v in versions],
        most_change=MOST_CHANGE,
        generator=GENERATOR,
        version=__version__,
    )


def crops_of(sight: Sight) -> list[tuple[slice, slice]]:
    """Rows and columns of the parts that were changed most, over all versions."""
    height, width, _ = sight.source.shape
    size = (min(CROP_SIZE, width), min(CROP_SIZE, height))
    changes = [change_of(sight.source, version.middle) for version in sight.versions]
    places = places_of_most_change(np.mean(changes, axis=0), size, NUM_CROPS)
    return [(slice(top, top + size[1]), slice(left, left + size[0])) for left, top in places]


def _view(sight: Sight) -> _View:
    height, width, _ = sight.source.shape
    shown = no_larger(sight.source)
    changes = [change_of(sight.source, version.middle) for version in sight.versions]
    return _View(
        title=sight.title,
        width=width,
        height=height,
        aspect=sight.aspect,
        is_scaled=shown.shape != sight.source.shape,
        source=data_uri(shown),
        versions=[
            (
                version.name,
                [data_uri(no_larger(picture)) for picture in version.pictures],
                data_uri(no_larger(heat_map(change)), lossless=False),
            )
            for version, change in zip(sight.versions, changes, strict=True)
        ],
        mean_change=[float(change.mean()) for change in changes],
        crops=[_crop(sight, rows, columns) for rows, columns in crops_of(sight)],
    )


def _crop(sight: Sight, rows: slice, columns: slice) -> _ShownCrop:
    pictures: list[tuple[str, NDArray[np.uint8]]] = [("source", sight.source)]
    pictures += [(version.name, version.middle) for version in sight.versions]
    return _ShownCrop(
        left=columns.start,
        top=rows.start,
        width=columns.stop - columns.start,
        height=rows.stop - rows.start,
        images=[(label, data_uri(picture[rows, columns])) for label, picture in pictures],
    )
