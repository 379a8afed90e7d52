"""What a set gives: samples of a blurred window and its sharp frame, in videos, in sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["EvaluationSet", "EvaluationVideo", "Sample"]


class Sample(NamedTuple):
    """A frame to restore, with its neighbours, and what it should become."""

    window: Tensor
    """(2 * radius + 1, C, H, W), uint8: 3 channels of RGB or 1 of luma; the middle one counts."""
    sharp: Tensor
    """(multiplier, C, H, W), uint8."""
    flow: NDArray[np.float32] | None = None
    """(2, H, W), (x, y) in pixels: where each place of the first sharp frame is in the last; None
    = not known, or there is one sharp frame."""
    measure: Callable[[NDArray[np.uint8]], Mapping[str, float]] | None = None
    """Luma of the blurred or the restored frame, (H, W), 8 bit -> further figures of it, by what
    follows "input_" or "restored_" in their names; None = there are none."""


class EvaluationVideo(Protocol):
    """Samples that belong together; read when asked for."""

    @property
    def name(self) -> str:
        """Name within the set."""
        ...

    @property
    def is_sequence(self) -> bool:
        """Whether samples follow one another in time, so that they can flicker."""
        ...

    def __len__(self) -> int:
        """Samples; at least 1."""
        ...

    def sample(self, index: int, *, radius: int, multiplier: int) -> Sample:
        """A sample for a restorer of this temporal radius and frame multiplier.

        Raises:
            DataError: A frame cannot be read, or the set cannot serve such a restorer.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """Videos that are scored together."""

    name: str
    """As `--data NAME=DIR` has it."""
    title: str
    """As its authors call it, with year."""
    split: str
    """"test" or "train"; of a set that is not split, "test"."""
    videos: Sequence[EvaluationVideo]
    sharp_pictures: Callable[[], Iterable[NDArray[np.uint8]]] | None = None
    """Pictures, (H, W, 3), RGB, to blur one region of (see `regions`); None = it has none."""
    neighbour_cases: frozenset[str] = frozenset()
    """Videos about what neighbouring frames do, which a filter that reads none has no use for."""
    by_video: bool = False
    """Whether its videos are cases to be told apart, rather than parts of a whole."""

    def suited_to(self, radius: int) -> EvaluationSet:
        """Leave out what a filter of this temporal radius has no use for."""
        if radius or not self.neighbour_cases:
            return self
        kept = [video for video in self.videos if video.name not in self.neighbour_cases]
        return replace(self, videos=kept)
