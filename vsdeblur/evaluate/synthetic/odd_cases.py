"""Odd windows: what concerts, cuts and broadcasts do to five frames, and photos never show.

Like the fixed benchmark they are rebuilt from sharp photos and a seed, the same bytes everywhere.
Most cases change the same plain windows in one way, so that their figures compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...data.photos import find_photos
from ...errors import OptionError
from . import odd_edits as edits
from . import odd_overlays as overlays
from . import odd_scenes as scenes
from .benchmark import SEED, SyntheticWindow
from .cuts import Photos
from .odd_footage import Footage
from .odd_takes import Takes
from .random_paths import FixedDraw

__all__ = ["NUM_ODD_WINDOWS", "ODD_CASES", "OddCase", "OddWindows"]

NUM_ODD_WINDOWS = 18
"""Windows of each case."""


@dataclass(frozen=True)
class OddCase:
    """One way in which footage is odd."""

    make: Callable[[Takes, int, FixedDraw], Footage]
    """Makes the footage of a number."""
    needs_neighbours: bool = False
    """Whether it is odd only to a filter that reads neighbouring frames."""


ODD_CASES = {
    "plain": OddCase(edits.plain),
    "strobe": OddCase(edits.strobe, needs_neighbours=True),
    "strobe_band": OddCase(edits.strobe_band, needs_neighbours=True),
    "flash": OddCase(edits.flash, needs_neighbours=True),
    "overexposed": OddCase(edits.overexposed, needs_neighbours=True),
    "black": OddCase(edits.black, needs_neighbours=True),
    "flicker": OddCase(edits.flicker, needs_neighbours=True),
    "blink": OddCase(scenes.blink, needs_neighbours=True),
    "cut_before": OddCase(edits.cut_before, needs_neighbours=True),
    "cut_after": OddCase(edits.cut_after, needs_neighbours=True),
    "cut_both": OddCase(edits.cut_both, needs_neighbours=True),
    "cut_far": OddCase(edits.cut_far, needs_neighbours=True),
    "screen_cut": OddCase(edits.screen_cut, needs_neighbours=True),
    "dissolve": OddCase(edits.dissolve, needs_neighbours=True),
    "fade": OddCase(edits.fade, needs_neighbours=True),
    "doubled": OddCase(edits.doubled, needs_neighbours=True),
    "dropped": OddCase(edits.dropped, needs_neighbours=True),
    "frozen": OddCase(edits.frozen, needs_neighbours=True),
    "subtitle": OddCase(overlays.subtitle),
    "logo": OddCase(overlays.logo),
    "letterbox": OddCase(overlays.letterbox),
    "grain": OddCase(overlays.grain),
    "rain": OddCase(overlays.rain),
    "lamps": OddCase(scenes.lamps),
    "led_wall": OddCase(scenes.led_wall),
    "moire": OddCase(scenes.moire),
    "drawing": OddCase(scenes.drawing),
    "zoom": OddCase(scenes.zoom),
    "still": OddCase(scenes.still),
    "still_stage": OddCase(scenes.still_stage),
}
"""What each case is, is said by the function that makes it."""


class OddWindows:
    """Windows of every case, made when they are asked for.

    More windows leave the first ones as they are.

    Args:
        files: Sharp photos; their names decide which random draw takes which photo.
        num_windows: Windows of each case.
        size: Height and width of a window (even), in pixels.
        seed: Decides everything that is drawn.

    Raises:
        DataError: There is no photo.
        OptionError: Fewer than one window is asked for.
        ValueError: The size is odd or below 64.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        num_windows: int = NUM_ODD_WINDOWS,
        size: int = 192,
        seed: int = SEED,
    ) -> None:
        if size % 2 or size < 64:
            raise ValueError(f"the size of a window must be even and at least 64, got {size}")
        if num_windows < 1:
            raise OptionError(f"odd cases need 1 or more windows each, got {num_windows}")
        self._num_windows = num_windows
        self._takes = Takes(Photos(files), size=size, seed=seed)

    @classmethod
    def from_folders(
        cls, folders: Sequence[Path], *, num_windows: int = NUM_ODD_WINDOWS
    ) -> OddWindows:
        """The windows from folders of photos; raises DataError as `find_photos` does."""
        return cls(find_photos(folders), num_windows=num_windows)

    def __len__(self) -> int:
        """Windows of each case."""
        return self._num_windows

    def window(self, case: str, number: int) -> SyntheticWindow:
        """One window of a case, its `subset` the case.

        Args:
            case: A key of `ODD_CASES`.
            number: From 0.

        Raises:
            DataError: A photo cannot be read, or the photos are too flat.
        """
        draw = FixedDraw(*self._takes.key(case, number), 0)
        footage = ODD_CASES[case].make(self._takes, number, draw)
        blurred, sharp, moments = footage.finished()
        return SyntheticWindow(
            subset=case,
            name=f"{case}/{number:03d}",
            blurred=blurred,
            sharp=sharp,
            moments=moments,
            flow=footage.flow,
        )

    def windows(self, case: str) -> Iterator[SyntheticWindow]:
        """All windows of a case; see `window`."""
        for number in range(len(self)):
            yield self.window(case, number)
