"""Takes that odd cases share: of all subsets, with an input worth restoring."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .benchmark import luma_psnr
from .cuts import Photos
from .odd_footage import MIDDLE, NUMBERS, Footage
from .random_paths import NUM_FRAMES, Path
from .take import SUBSETS, Subset, Take, draw_take

__all__ = ["Takes"]

NUM_SEEN = NUM_FRAMES + 2
"""Frames that backgrounds are wide enough for: dropped frames bring in one more on each side."""
INPUT_PSNR = (20.0, 36.0)
"""Luma PSNR in dB within which the blurred middle frames of plain footage lie."""
MOST_DRAWS = 64
"""Takes drawn for a number until the input lies within `INPUT_PSNR`."""
BLOCK = 2 * len(SUBSETS)
"""Takes that are cut to one another: each subset in both kinds of light."""


class Takes:
    """Takes by their number, the same whichever are asked for.

    Subsets take turns, and in every other round frames are averaged in linear light.

    Args:
        photos: What scenes are cut from.
        size: Height and width of the view (even), in pixels.
        seed: Decides everything that is drawn.
    """

    def __init__(self, photos: Photos, *, size: int, seed: int) -> None:
        self.size = size
        self._photos = photos
        self._seed = seed
        # Many cases change the same footage: it is made once.
        self.take = lru_cache(maxsize=None)(self._accepted)
        self._plain = lru_cache(maxsize=None)(self._footage)
        self._exposed = lru_cache(maxsize=None)(self._frame)

    def key(self, case: str, number: int) -> tuple[int, ...]:
        """A key for `FixedDraw` and `drawn`, of a window of a case."""
        return (self._seed, *case.encode(), number)

    def plain(self, number: int, numbers: tuple[int, ...] = NUMBERS) -> Footage:
        """Footage of a take.

        Args:
            number: Of the take.
            numbers: Which of its frames make the window, from -1 to 5; 2 = the middle one.

        Raises:
            DataError: The photos give none whose input lies within `INPUT_PSNR`.
        """
        footage = self._plain(number)
        if numbers == NUMBERS:
            return footage
        frames = np.stack([self._exposed(number, n) for n in numbers])
        return replace(footage, frames=frames, numbers=numbers)

    def partner(self, number: int, step: int) -> Footage:
        """Footage of another take of the same block, `step` further on (not a multiple of 6)."""
        return self._plain(number // BLOCK * BLOCK + (number + step) % BLOCK)

    def drawn(
        self, key: tuple[int, ...], subset: Subset, *, linear: bool, camera: Path | None = None
    ) -> Take:
        """A take of another kind, whatever its input; see `draw_take`."""
        return draw_take(
            key,
            self._photos,
            subset,
            size=self.size,
            linear=linear,
            camera=camera,
            num_frames=NUM_SEEN,
        )

    def _accepted(self, number: int) -> Take:
        subset = list(SUBSETS.values())[number % len(SUBSETS)]
        for attempt in range(MOST_DRAWS):
            key = (*self.key("plain", number), attempt)
            take = self.drawn(key, subset, linear=number // len(SUBSETS) % 2 == 1)
            low, high = INPUT_PSNR
            if low <= luma_psnr(take.frame(MIDDLE), take.sharp()) < high:
                return take
        raise DataError(
            f"the {len(self._photos)} photos give no window between {low:g} and {high:g} dB: they "
            "are too flat, or no photographs; use others"
        )

    def _footage(self, number: int) -> Footage:
        return Footage.of(self.take(number))

    def _frame(self, number: int, frame: int) -> NDArray[np.int32]:
        if frame in NUMBERS:
            mine: NDArray[np.int32] = self._plain(number).frames[frame]
            return mine
        take = self.take(number)
        return take.scene.exposed(frame, take.exposure).astype(np.int32)
