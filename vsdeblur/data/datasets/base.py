"""What every reader of a dataset gives: videos of blurred frames and their sharp partners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

__all__ = ["DatasetKind", "PairedVideo"]


class PairedVideo(Protocol):
    """A video of which every blurred frame has a sharp one; frames are read when asked for.

    Safe to read from several processes; picklable.
    """

    @property
    def name(self) -> str:
        """Name of the video within its dataset."""
        ...

    def __len__(self) -> int:
        """Blurred frames; at least 1."""
        ...

    def blurred(self, index: int) -> Tensor:
        """A blurred frame: (3, H, W) uint8 RGB.

        Raises:
            DataError: The frame cannot be read; the text names its file.
        """
        ...

    def sharp(self, index: int) -> Tensor:
        """Its sharp partner, the view at the centre of its exposure; same shape."""
        ...

    def moments(self, index: int) -> Tensor | None:
        """Sharp views evenly spaced over its exposure, (7, 3, H, W) uint8.

        None where the dataset does not have them.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class DatasetKind:
    """A dataset that can be read."""

    name: str
    """As `--data NAME=DIR` and a recipe's sources have it."""
    title: str
    """As its authors call it, with year."""
    url: str
    """Its official source."""
    layout: str
    """What the folder must look like, in one line."""
    open: Callable[[Path, str], Sequence[PairedVideo]]
    """(folder, split "train" or "test") -> videos, sorted by name.

    Raises DataError naming the folder, what was found there, the layout and the source.
    """
