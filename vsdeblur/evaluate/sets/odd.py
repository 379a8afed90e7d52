"""Odd windows made from photos, a video for each case: see `synthetic.odd_cases`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...data.photos import find_photos
from ..metrics.highlights import find_lamps
from ..synthetic import ODD_CASES, OddWindows, SyntheticWindow
from ..synthetic.odd_overlays import bar_rows
from .luma_windows import LumaWindows
from .samples import EvaluationSet, Sample

__all__ = ["OddCaseWindows", "open_odd"]

type Plane = NDArray[np.uint8]

NEAR_ROWS = 7
"""Rows of a black bar next to the picture in which light would show."""


class OddCaseWindows:
    """The windows of a case, as an `EvaluationVideo`; made when asked for.

    A filter of single pictures gets grey ones, in three channels: it reads RGB.

    Args:
        name: The case.
        windows: Of all cases.
    """

    is_sequence = False

    def __init__(self, name: str, windows: OddWindows) -> None:
        self.name = name
        self._windows = windows

    def __len__(self) -> int:
        return len(self._windows)

    def sample(self, index: int, *, radius: int, multiplier: int) -> Sample:
        """A sample; see `EvaluationVideo.sample`."""
        window = self._windows.window(self.name, index)
        sample = LumaWindows(self.name, [window]).sample(0, radius=radius, multiplier=multiplier)
        if not radius and multiplier == 1:
            blurred, sharp = (frames.expand(-1, 3, -1, -1) for frames in sample[:2])
            sample = Sample(blurred, sharp)
        measure = MEASURES.get(self.name)
        return sample._replace(measure=measure(window)) if measure is not None else sample


def open_odd(folder: Path) -> EvaluationSet:
    """The set of a folder of sharp photos.

    Raises:
        DataError: The folder holds no photo.
    """
    windows = OddWindows.from_folders([folder])
    return EvaluationSet(
        name="odd",
        title=f"odd windows made from {len(find_photos([folder]))} photos",
        split="test",
        videos=[OddCaseWindows(case, windows) for case in ODD_CASES],
        neighbour_cases=frozenset(n for n, case in ODD_CASES.items() if case.needs_neighbours),
        by_video=True,
    )


def _bar_light(window: SyntheticWindow) -> Callable[[Plane], Mapping[str, float]]:
    """Largest luma in the rows of the black bars that are next to the picture."""
    rows = bar_rows(len(window.sharp))
    near = np.r_[rows - NEAR_ROWS : rows, -rows : NEAR_ROWS - rows]
    return lambda luma: {"bar": float(luma[near].max())}


def _white_lamps(window: SyntheticWindow) -> Callable[[Plane], Mapping[str, float]]:
    """Share of the lamps that are white, of those that are in the sharp and the blurred frame."""
    lamps = find_lamps(window.sharp)
    lamps = lamps.only(lamps.white_in(window.blurred[len(window.blurred) // 2]))

    def measure(luma: Plane) -> Mapping[str, float]:
        if not len(lamps):
            return {}
        return {"lamps": float(lamps.white_in(luma).mean()), "num_lamps": float(len(lamps))}

    return measure


MEASURES: Mapping[str, Callable[[SyntheticWindow], Callable[[Plane], Mapping[str, float]]]] = {
    "letterbox": _bar_light,
    "lamps": _white_lamps,
    "blink": _white_lamps,
}
"""By case: what is measured beside PSNR."""
