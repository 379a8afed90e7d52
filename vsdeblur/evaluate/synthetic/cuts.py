"""Cuts from sharp photos for the fixed benchmark, the same on every machine.

Pillow decodes and resizes 8-bit pictures in whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...data.photos import opened_picture
from ...errors import DataError
from .random_paths import FixedDraw

__all__ = ["Photos", "luma_codes"]

type Bytes = NDArray[np.uint8]

TENTHS = (10, 7, 5)
"""Photos are shown at these sizes, in tenths: smaller is sharper, and shows more in a window."""
REDUCED_FROM = 3072
"""Longest side from which photos are reduced: large ones are seldom sharp to the pixel."""


class Photos:
    """Sharp photos, told apart by the order of their names, not of their folders.

    Args:
        files: Photos.

    Raises:
        DataError: There is none.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        if not files:
            raise DataError("the synthetic benchmark has no photos; give folders of sharp photos")
        self._files = sorted(files, key=lambda file: file.name)
        self._read = lru_cache(maxsize=32)(_read)

    def __len__(self) -> int:
        return len(self._files)

    def cut(self, draw: FixedDraw, width: int, height: int, *, choices: int) -> Bytes:
        """A random place of a random photo: (height, width, 3), RGB.

        Of as many places as `choices` says the one with most detail is taken. A photo that is too
        small is continued by mirroring.

        Raises:
            DataError: The file cannot be read as a picture.
        """
        photo = self._read(self._files[draw.below(len(self))])
        fitting = [
            tenths
            for tenths in TENTHS
            if height * 10 // tenths <= photo.shape[0] and width * 10 // tenths <= photo.shape[1]
        ]
        tenths = fitting[draw.below(len(fitting))] if fitting else TENTHS[0]
        rows, columns = height * 10 // tenths, width * 10 // tenths
        photo = _mirrored_to(photo, rows, columns)
        places = []
        for _ in range(choices):
            top = draw.below(photo.shape[0] - rows + 1)
            left = draw.below(photo.shape[1] - columns + 1)
            places.append(photo[top : top + rows, left : left + columns])
        chosen = max(places, key=_detail)
        if tenths == 10:
            return chosen
        resized = Image.fromarray(chosen).resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(resized)


def luma_codes(rgb: NDArray[np.integer]) -> NDArray[np.int64]:
    """Luma (BT.601) of RGB codes, (H, W, 3) -> (H, W); full range, at most 16 bits a code."""
    red, green, blue = (rgb[..., channel].astype(np.int64) for channel in range(3))
    return (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16


def _detail(region: Bytes) -> int:
    coarse = region[::2, ::2, 1].astype(np.int32)
    total = sum(np.abs(np.diff(coarse, axis=axis)).sum() for axis in (0, 1))
    return int(total)


def _read(file: Path) -> Bytes:
    with opened_picture(file) as image:
        picture = image.convert("RGB")
    times = max(picture.size) * 2 // REDUCED_FROM
    return np.asarray(picture.reduce(times) if times > 1 else picture)


def _mirrored_to(photo: Bytes, rows: int, columns: int) -> Bytes:
    height, width, _ = photo.shape
    below, beside = max(0, rows - height), max(0, columns - width)
    if not below and not beside:
        return photo
    return np.pad(photo, ((0, below), (0, beside), (0, 0)), mode="symmetric")
