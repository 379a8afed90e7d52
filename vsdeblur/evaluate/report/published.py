"""Figures that others published, read from `published.toml`, which says how each was made."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

__all__ = [
    "PROTOCOLS",
    "PUBLISHED",
    "PUBLISHED_WORKINGS",
    "TEST_SPLITS",
    "Protocol",
    "Published",
    "PublishedWorking",
    "published_for",
]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How figures were made."""

    text: str
    """Frames, colours, mean, and what differs from ours."""
    beside: Literal["mean_over_frames", "mean_over_videos"] | None = None
    """Which of our means it is the same as; None = it is like neither."""
    group: str = ""
    """Videos it is of, by the beginning of their names up to "/"; "" = all."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published figure."""

    dataset: str
    method: str
    protocol: str
    """Key in `PROTOCOLS`."""
    psnr: float
    """dB."""
    ssim: float | None = None
    ssim_is_ours: bool = False
    """Whether SSIM is defined as in `metrics`."""
    source: str


@dataclass(frozen=True, kw_only=True)
class PublishedWorking:
    """A published figure of how a filter works."""

    value: float
    protocol: str
    """How it was made, and what differs from ours."""
    source: str


def _published(tables: Sequence[dict[str, Any]]) -> Iterator[Published]:
    for table in tables:
        facts = {name: value for name, value in table.items() if name != "rows"}
        for row in table["rows"]:
            yield Published(**facts, **dict(zip(("method", "psnr", "ssim"), row, strict=False)))


def _working(filter: str, figure: str, **facts: Any) -> tuple[tuple[str, str], PublishedWorking]:  # noqa: ANN401
    return (filter, figure), PublishedWorking(**facts)


_DATA = tomllib.loads(files(__package__).joinpath("published.toml").read_text(encoding="utf-8"))

PROTOCOLS: Mapping[str, Protocol] = {
    name: Protocol(**facts) for name, facts in _DATA["protocols"].items()
}
TEST_SPLITS: Mapping[str, tuple[int, int]] = {
    name: (counts["videos"], counts["frames"]) for name, counts in _DATA["test_splits"].items()
}
"""Videos and frames of the test splits that the protocols speak of."""
PUBLISHED: Sequence[Published] = list(_published(_DATA["scores"]))
"""All of RGB pictures, as far as their sources tell."""
PUBLISHED_WORKINGS: Mapping[tuple[str, str], PublishedWorking] = dict(
    _working(**facts) for facts in _DATA["workings"]
)
"""By filter and figure."""


def published_for(dataset: str) -> list[Published]:
    """Figures for the test split of a dataset, the lowest PSNR first."""
    return sorted((row for row in PUBLISHED if row.dataset == dataset), key=lambda row: row.psnr)
