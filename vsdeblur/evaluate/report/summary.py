"""The table of a set: our means, and the published figures that were made as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..scores import Figures, SetScores
from .published import PROTOCOLS, TEST_SPLITS, Published, published_for

__all__ = [
    "COLUMNS",
    "Section",
    "Summary",
    "SummaryRow",
    "formatted",
    "published_columns",
    "summarize",
]

COLUMNS = {
    "psnr_luma": ("luma PSNR", "dB"),
    "ssim_luma": ("luma SSIM", ""),
    "psnr_rgb": ("RGB PSNR", "dB"),
    "ssim_rgb": ("RGB SSIM", ""),
    "psnr_aligned": ("aligned PSNR", "dB"),
    "shift": ("mean shift", "px"),
    "shift_change": ("shift change", "px"),
    "lamps": ("white lamps", "share"),
    "bar": ("bar light", "levels"),
    "warping": ("warping error", "levels"),
    "iterations": ("accepted iterations", ""),
    "epe": ("end-point error", "px"),
    "step": ("neighbour difference", "levels"),
}
"""Columns of the table: their title and unit."""
MAX_GROUPS = 4
"""So many groups of videos get a mean of their own; more would bury the others."""


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """A line of the table."""

    method: str
    figures: Figures
    """By column; what is missing was not measured."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Lines that compare with one another."""

    title: str
    ours: Sequence[SummaryRow]
    """The blurred input, the filter's intermediate results, the restored frames, and the sharp ones
    where they have a figure."""
    change: Figures
    """Restored minus input, by column."""
    published: Sequence[Published]
    """Figures made as ours are, the lowest PSNR first."""

    @property
    def protocols(self) -> dict[str, list[str]]:
        """How the published figures were made -> their methods."""
        methods: dict[str, list[str]] = {}
        for row in self.published:
            methods.setdefault(PROTOCOLS[row.protocol].text, []).append(row.method)
        return methods


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The whole table of a set."""

    sections: Sequence[Section]
    apart: Sequence[Published]
    """Published figures of the same test split by another protocol."""
    why_apart: str
    """Why some or all are apart; "" where there are none."""

    @property
    def columns(self) -> dict[str, tuple[str, str]]:
        """The `COLUMNS` that have a figure: a set of luma has none of RGB."""
        rows = [row for section in self.sections for row in section.ours]
        used = {column for row in rows for column in row.figures}
        return {name: texts for name, texts in COLUMNS.items() if name in used}


def summarize(
    scores: SetScores, method: str, intermediates: Mapping[str, str] | None = None
) -> Summary:
    """Make the table of a set.

    Args:
        scores: All its figures.
        method: What the restored frames are called.
        intermediates: Name of an intermediate result in figures -> what it is called.
    """
    states = {"input": "blurred input", **(intermediates or {}), "restored": method}
    whole = _is_whole_test_split(scores)
    known = published_for(scores.name) if scores.split == "test" else []
    compared = known if whole else []
    sections = [_section("", "mean_over_frames", scores, states, compared)]
    if len(scores.videos) > 1:
        sections.append(_section("", "mean_over_videos", scores, states, compared))
    if 1 < len(scores.groups) <= MAX_GROUPS:
        for name, group in scores.groups.items():
            sections.append(_section(name, "mean_over_frames", group, states, compared))
    beside = [row for section in sections for row in section.published]
    apart = [row for row in known if row not in beside]
    return Summary(sections=sections, apart=apart, why_apart=_why(apart, whole, scores.name))


def _is_whole_test_split(scores: SetScores) -> bool:
    counts = (len(scores.videos), len(scores.frames))
    return scores.is_whole and scores.split == "test" and TEST_SPLITS.get(scores.name) == counts


def _why(apart: Sequence[Published], whole: bool, name: str) -> str:
    if not apart:
        return ""
    if whole:
        return "published by other protocols, which give other numbers for the same pictures"
    if name not in TEST_SPLITS:
        return "published for pictures that are not available"
    videos, frames = TEST_SPLITS[name]
    return (
        f"published for the whole test split ({videos} videos, {frames} frames), of which a part "
        "was scored"
    )


def _section(
    group: str,
    mean: str,
    scores: SetScores,
    states: Mapping[str, str],
    known: Sequence[Published],
) -> Section:
    figures: Figures = getattr(scores, mean)
    titles = {**states, "sharp": "sharp frames"}
    rows = [
        SummaryRow(method=name, figures=_columns(figures, state)) for state, name in titles.items()
    ]
    before, after = _columns(figures, "input"), _columns(figures, "restored")
    return Section(
        title=_title(group, mean, scores),
        ours=[row for row in rows if row.figures],
        change={name: after[name] - before[name] for name in after if name in before},
        published=[row for row in known if _is_like(row, group, mean)],
    )


def _is_like(row: Published, group: str, mean: str) -> bool:
    protocol = PROTOCOLS[row.protocol]
    return (protocol.group, protocol.beside) == (group, mean)


def _columns(figures: Figures, state: str) -> dict[str, float]:
    names = {f"{state}_{column}": column for column in COLUMNS}
    return {column: figures[name] for name, column in names.items() if name in figures}


def _title(group: str, mean: str, scores: SetScores) -> str:
    of = f"{group}: " if group else ""
    videos, frames = len(scores.videos), len(scores.frames)
    if mean == "mean_over_frames":
        return f"{of}mean over {frames} frame{'s' * (frames != 1)}"
    return f"{of}mean over {videos} videos"


def published_columns(row: Published) -> dict[str, float]:
    """The figures of a published row that compare, by column."""
    figures = {"psnr_rgb": row.psnr}
    if row.ssim is not None and row.ssim_is_ours:
        figures["ssim_rgb"] = row.ssim
    return figures


def formatted(column: str, value: float | None, *, sign: bool = False) -> str:
    """A figure as text: two decimals, or more where they count; "" for None."""
    if value is None:
        return ""
    decimals = 4 if column.startswith("ssim") else 3 if column == "lamps" else 2
    return f"{value:{'+' if sign else ''}.{decimals}f}"
