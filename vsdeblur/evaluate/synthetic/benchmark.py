"""A benchmark of blurred windows, rebuilt from sharp photos and a seed: the same bytes everywhere.

Anyone with the photos gets the set that a figure was measured on; `benchmark_digest` proves it.
Blur is made independently of `train.synthesis`, in whole numbers (see `camera` and
`scene`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...data.photos import find_photos
from ...data.psnr import BANDS
from ...errors import DataError, OptionError
from .cuts import Photos
from .random_paths import NUM_FRAMES
from .take import SUBSETS, Take, draw_take

__all__ = [
    "NUM_WINDOWS",
    "SEED",
    "SUBSETS",
    "SyntheticBenchmark",
    "SyntheticWindow",
    "benchmark_digest",
    "luma_psnr",
]

type Bytes = NDArray[np.uint8]

NUM_WINDOWS = 64
"""Blurred windows in a subset; a quarter as many sharp ones come on top."""
SEED = 2026


@dataclass(frozen=True, kw_only=True, eq=False)
class SyntheticWindow:
    """Five consecutive blurred frames and what lies behind the middle one; gamma-encoded luma."""

    subset: str
    name: str
    """Subset and number, "shake/007"."""
    blurred: Bytes
    """(5, H, W), with sensor noise."""
    sharp: Bytes
    """(H, W), the view at the centre of the middle exposure."""
    moments: Bytes
    """(7, H, W), sharp views evenly spaced over the middle exposure, ends included."""
    flow: NDArray[np.float32]
    """(2, H, W), (x, y) in pixels: where each pixel of the first moment is in the last."""
    clean_psnr: float | None = None
    """`input_psnr` before the window was compressed; None = it was not."""

    @property
    def input_psnr(self) -> float:
        """Luma PSNR of the blurred middle frame, in dB."""
        return luma_psnr(self.blurred[NUM_FRAMES // 2], self.sharp)

    @property
    def band_psnr(self) -> float:
        """What decides the band in which the window counts."""
        return self.input_psnr if self.clean_psnr is None else self.clean_psnr


class SyntheticBenchmark:
    """Windows of every subset, made when they are asked for.

    Windows are drawn until a subset has `num_windows` whose input is between 22 and 32 dB and a
    quarter as many above 38 dB, of each kind half averaged in linear light and half as encoded.
    After 24 draws a window asked for, a subset stays as large as it is.

    Args:
        files: Sharp photos; their names decide which random draw takes which photo.
        num_windows: Blurred windows in a subset.
        size: Height and width of a window (even), in pixels.
        seed: Decides everything that is drawn.

    Raises:
        DataError: There is no photo.
        OptionError: Fewer than one window is asked for.
        ValueError: The size is odd: no pixel would show a photo's pixel.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        num_windows: int = NUM_WINDOWS,
        size: int = 192,
        seed: int = SEED,
    ) -> None:
        if size % 2:
            raise ValueError(f"the size of a window must be even, got {size}")
        if num_windows < 1:
            raise OptionError(f"the benchmark needs 1 or more windows a subset, got {num_windows}")
        self._photos = Photos(files)
        self._num_windows = num_windows
        self._size = size
        self._seed = seed

    @classmethod
    def from_folders(
        cls, folders: Sequence[Path], *, num_windows: int = NUM_WINDOWS
    ) -> SyntheticBenchmark:
        """The benchmark from folders of photos; raises DataError as `find_photos` does."""
        return cls(find_photos(folders), num_windows=num_windows)

    def windows(self, subset: str) -> Iterator[SyntheticWindow]:
        """The windows of a subset, one after the other.

        Args:
            subset: "shake", "object" or "concert".

        Raises:
            DataError: A photo cannot be read, or the photos give no window between 22 and 32 dB.
        """
        wanted = _quota(self._num_windows)
        num_made = 0
        for attempt in range(24 * self._num_windows):
            linear = attempt % 2 == 1
            if not any(wanted[band, linear] for band in KEPT):
                continue
            take = self._take(subset, attempt, linear=linear)
            middle, sharp = take.frame(NUM_FRAMES // 2), take.sharp()
            band = _band_of(luma_psnr(middle, sharp))
            if band and wanted[band, linear]:
                wanted[band, linear] -= 1
                yield _window(subset, num_made, take)
                num_made += 1
            if not any(wanted.values()):
                return
        if sum(wanted[KEPT[0], linear] for linear in (False, True)) == self._num_windows:
            raise DataError(
                f"the {len(self._photos)} photos give no {subset} window between 22 and 32 dB: "
                "they are too flat, or no photographs; use others"
            )

    def __iter__(self) -> Iterator[SyntheticWindow]:
        """All windows, subset after subset."""
        for subset in SUBSETS:
            yield from self.windows(subset)

    def _take(self, subset: str, attempt: int, *, linear: bool) -> Take:
        key = (self._seed, list(SUBSETS).index(subset), attempt)
        return draw_take(key, self._photos, SUBSETS[subset], size=self._size, linear=linear)


def benchmark_digest(windows: Iterable[SyntheticWindow]) -> str:
    """SHA-256 over the names and all bytes of windows, in their order, as hexadecimal digits."""
    digest = hashlib.sha256()
    for window in windows:
        digest.update(window.name.encode())
        for array in (window.blurred, window.sharp, window.moments, window.flow.astype("<f4")):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def luma_psnr(picture: Bytes, sharp: Bytes) -> float:
    """Peak signal-to-noise ratio of 8-bit luma, in dB; equal pictures count as 100."""
    error = int(np.square(picture.astype(np.int64) - sharp).sum())
    return 10 * math.log10(255**2 * sharp.size / error) if error else 100.0


KEPT = ("22-32", "sharp")
"""Bands of the input in which windows are kept."""


def _quota(num_windows: int) -> dict[tuple[str, bool], int]:
    """How many windows are wanted, by band and by whether they are averaged in linear light."""
    counts = zip(KEPT, (num_windows, num_windows // 4), strict=True)
    return {(band, linear): (num + linear) // 2 for band, num in counts for linear in (False, True)}


def _band_of(psnr: float) -> str | None:
    return next((band for band in KEPT if BANDS[band][0] <= psnr < BANDS[band][1]), None)


def _window(subset: str, number: int, take: Take) -> SyntheticWindow:
    return SyntheticWindow(
        subset=subset,
        name=f"{subset}/{number:03d}",
        blurred=np.stack([take.frame(frame) for frame in range(NUM_FRAMES)]),
        sharp=take.sharp(),
        moments=take.moments(),
        flow=take.flow(),
    )
