"""How a filter works on a set: our figures, and those that were published of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .published import PUBLISHED_WORKINGS, PublishedWorking
from .scores import SetScores

__all__ = ["Finding", "find_out", "published_seconds"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A figure of how a filter works."""

    figure: str
    """Its name in the JSON report."""
    title: str
    value: float
    attainable: float | None = None
    """The best that could be had; None = there is no such bound."""
    by_kernel: Mapping[str, float] = field(default_factory=dict)
    """The same for each blur; empty = not told apart."""
    published: PublishedWorking | None
    """What was published of this filter."""

    @property
    def text(self) -> str:
        """All of it in one line."""
        parts = [f"{self.title}: {self.value:.3f}"]
        if self.attainable is not None:
            parts.append(f" of at most {self.attainable:.3f}")
        if self.published is not None:
            parts.append(f"; published: {self.published.value:g} ({self.published.protocol})")
        return "".join(parts)


def find_out(scores: SetScores, filter_name: str) -> list[Finding]:
    """Collect how a filter worked on a set; nothing for a filter that does not tell.

    Args:
        scores: All figures of the set.
        filter_name: As in the manifest.
    """
    findings = []
    iterations = scores.mean_over_frames.get("restored_iterations")
    if iterations is not None:
        findings.append(
            Finding(
                figure="iterations",
                title="accepted iterations, mean over frames",
                value=iterations,
                published=PUBLISHED_WORKINGS.get((filter_name, "iterations")),
            )
        )
    if scores.regions is not None:
        findings.append(
            Finding(
                figure="region_iou",
                title="IoU of the region found most blurred and the one blurred, mean over "
                f"{scores.regions.num_pictures} pictures",
                value=scores.regions.iou,
                attainable=scores.regions.attainable,
                by_kernel=scores.regions.by_kernel,
                published=PUBLISHED_WORKINGS.get((filter_name, "region_iou")),
            )
        )
    return findings


def published_seconds(filter_name: str) -> PublishedWorking | None:
    """The published time a frame takes."""
    return PUBLISHED_WORKINGS.get((filter_name, "seconds"))
