"""Single pictures blurred by the seven kernels of paper 000, rebuilt from photos and a seed.

Pictures of 256x256 pixels are cut from sharp photos, and each is blurred by one of the kernels, in
turn; their sizes are taken in turn too. Cuts are the same bytes on every machine as far as
Pillow's decoders are, blurred pictures as far as OpenCV's filters are: nothing else decides them
but the photos, the order of their names and the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.kernels import KERNELS, Blur, apply_blur
from ...data.photos import find_photos
from ...errors import DataError
from ..synthetic.cuts import Photos
from ..synthetic.random_paths import FixedDraw
from .samples import EvaluationSet, Sample

__all__ = ["BlurredPictures", "open_pictures"]

NUM_PER_KERNEL = 8
"""Pictures that each kernel blurs."""
NUM_REGIONS = 64
"""Pictures of which one region is blurred."""
SIZE = 256
"""Height and width of a picture in pixels (paper 000, section 4.1)."""
SEED = 2026
CHOICES = 2
"""Places of a photo of which the one with most detail is taken: blur does not show in the sky."""

type Picture = NDArray[np.uint8]
"""(H, W, 3), RGB."""


class BlurredPictures:
    """Pictures that one kernel blurs, as an `EvaluationVideo`.

    Args:
        kernel: A key of `KERNELS`.
        pictures: Sharp pictures; the first is blurred with the kernel's first size, and so on.
    """

    is_sequence = False

    def __init__(self, kernel: str, pictures: Sequence[Picture]) -> None:
        self.name = kernel
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def blur(self, index: int) -> Blur:
        """What blurs a picture."""
        sizes = KERNELS[self.name].sizes
        return Blur(self.name, sizes[index % len(sizes)])

    def sample(self, index: int, *, radius: int, multiplier: int) -> Sample:
        """A sample; see `EvaluationVideo.sample`."""
        if radius or multiplier != 1:
            raise DataError(
                f"pictures: single pictures have no neighbours and one sharp view; the filter "
                f"reads {2 * radius + 1} frames and makes {multiplier}; use a set of videos, or a "
                "filter that restores each frame by itself"
            )
        sharp = self._pictures[index]
        return Sample(_frames(apply_blur(sharp, self.blur(index))), _frames(sharp))


def open_pictures(
    folder: Path, *, num_per_kernel: int = NUM_PER_KERNEL, num_regions: int = NUM_REGIONS
) -> EvaluationSet:
    """The set of a folder of sharp photos: a video for each kernel, named after it.

    Args:
        folder: Photos of any size; what is too small is continued by mirroring.
        num_per_kernel: Pictures that each kernel blurs.
        num_regions: Further pictures, of which one region may be blurred.

    Raises:
        DataError: The folder holds no photo, or one cannot be read.
    """
    photos = Photos(find_photos([folder]))
    # Kernels take turns, so that the first pictures are the same however many there are.
    cuts = list(_cuts(photos, num_per_kernel * len(KERNELS), key=0))
    return EvaluationSet(
        name="pictures",
        title=f"{len(cuts)} pictures of {len(photos)} photos, blurred by the seven kernels",
        split="test",
        videos=[
            BlurredPictures(kernel, cuts[turn :: len(KERNELS)])
            for turn, kernel in enumerate(KERNELS)
        ],
        sharp_pictures=lambda: _cuts(photos, num_regions, key=1),
    )


def _cuts(photos: Photos, num: int, *, key: int) -> Iterator[Picture]:
    """Sharp pictures; each key gives others."""
    for number in range(num):
        yield photos.cut(FixedDraw(SEED, key, number), SIZE, SIZE, choices=CHOICES)


def _frames(picture: Picture) -> Tensor:
    """(1, 3, H, W)."""
    return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
