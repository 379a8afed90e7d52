"""Sharp photos in colour, held in memory, from which pictures are cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ...data.photos import SCALES, opened_picture, random_below

__all__ = ["PictureSet"]


class PictureSet:
    """RGB photos at several scales.

    Args:
        files: Photos, in any order; the order decides which random draw takes which photo.
        size: Height and width of the pictures that will be asked for, in pixels.

    Raises:
        DataError: A file cannot be read as a picture.
    """

    def __init__(self, files: Sequence[Path], size: int) -> None:
        self.size = size
        self._pyramids = [_pyramid(file, size) for file in files]

    def __len__(self) -> int:
        return len(self._pyramids)

    def picture(self, generator: torch.Generator) -> Tensor:
        """A random part of a random photo, flipped at random: (3, size, size) uint8.

        Args:
            generator: Source of randomness, on the CPU.
        """
        pyramid = self._pyramids[random_below(len(self._pyramids), generator)]
        photo = pyramid[random_below(len(pyramid), generator)]
        top = random_below(photo.shape[-2] - self.size + 1, generator)
        left = random_below(photo.shape[-1] - self.size + 1, generator)
        picture = photo[:, top : top + self.size, left : left + self.size]
        return picture.flip(-1) if random_below(2, generator) else picture


def _pyramid(file: Path, size: int) -> list[Tensor]:
    with opened_picture(file) as image:
        photo = ImageOps.exif_transpose(image).convert("RGB")
    least = min(photo.size)
    scales = [scale for scale in SCALES if scale * least >= size] or [size / least]
    smaller = [photo if scale == 1 else _resized(photo, scale, size) for scale in scales]
    return [torch.from_numpy(np.array(p)).permute(2, 0, 1).contiguous() for p in smaller]


def _resized(photo: Image.Image, scale: float, least: int) -> Image.Image:
    sides = [max(least, round(side * scale)) for side in photo.size]
    return photo.resize((sides[0], sides[1]), Image.Resampling.LANCZOS)
