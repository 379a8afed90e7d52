"""Sharp photos, held in memory as luma, from which windows are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F

from ..errors import DataError

__all__ = ["PhotoSet", "find_photos", "opened_picture", "random_below"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
SCALES = (1.0, 0.7, 0.5)
"""Photos are kept at these sizes: smaller is sharper, and shows more in a window."""


def find_photos(folders: Sequence[Path]) -> list[Path]:
    """All photos in the given folders (not in folders below them), sorted by name.

    Raises:
        DataError: A folder is missing or holds no photo.
    """
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"no folder {str(folder)!r}; give folders of sharp photos with --data")
        found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(
                f"no photo in {str(folder)!r}; expected files ending in {', '.join(SUFFIXES)}"
            )
        files += found
    return files


class PhotoSet:
    """Luma of every photo at several scales.

    Args:
        files: Photos, in any order; the order decides which random draw takes which photo.
        patch_size: Height and width of the patches that will be asked for, in pixels.
        device: Where the photos are kept.

    Raises:
        DataError: A file cannot be read as a picture.
    """

    def __init__(
        self, files: Sequence[Path], patch_size: int, device: torch.device | str = "cpu"
    ) -> None:
        self.patch_size = patch_size
        self.device = torch.device(device)
        self._pyramids = [
            [_mirrored_to(plane, patch_size).to(device) for plane in _pyramid(file)]
            for file in files
        ]

    def __len__(self) -> int:
        return len(self._pyramids)

    def patches(self, num: int, generator: torch.Generator) -> Tensor:
        """Random patches of random photos: (num, 1, P, P), gamma-encoded luma in [0, 1].

        Of two places in a photo the one with more detail is taken: skies and walls teach little.

        Args:
            num: How many.
            generator: Source of randomness, on the CPU.
        """
        candidates = []
        for _ in range(num):
            pyramid = self._pyramids[random_below(len(self._pyramids), generator)]
            plane = pyramid[random_below(len(pyramid), generator)]
            candidates += [self._random_patch(plane, generator) for _ in range(2)]
        # Chosen by the device, all at once: to ask it for each takes longer than all the rest.
        pairs = torch.stack(candidates).unflatten(0, (num, 2))
        first, second = _detail(pairs).unbind(1)
        chosen = torch.where((second > first)[:, None, None], pairs[:, 1], pairs[:, 0])
        return chosen[:, None].float() / 255

    def _random_patch(self, plane: Tensor, generator: torch.Generator) -> Tensor:
        size = self.patch_size
        top = random_below(plane.shape[0] - size + 1, generator)
        left = random_below(plane.shape[1] - size + 1, generator)
        return plane[top : top + size, left : left + size]


def random_below(bound: int, generator: torch.Generator) -> int:
    """A random whole number from 0 to bound - 1."""
    return int(torch.randint(bound, (), generator=generator))


def _detail(patches: Tensor) -> Tensor:
    """How much neighbours differ, (..., H, W) -> (...)."""
    coarse = patches[..., ::2, ::2].float()
    across, down = (coarse.diff(dim=axis).abs().mean((-2, -1)) for axis in (-1, -2))
    return down + across


@contextmanager
def opened_picture(file: Path) -> Iterator[Image.Image]:
    """Open a picture; what fails inside the `with` statement names the file.

    Raises:
        DataError: It cannot be read as a picture.
    """
    try:
        with Image.open(file) as image:
            yield image
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"cannot read {str(file)!r} as a picture: {error}") from error


def _pyramid(file: Path) -> list[Tensor]:
    with opened_picture(file) as image:
        luma = image.convert("L")
    sizes = [(round(luma.width * scale), round(luma.height * scale)) for scale in SCALES]
    smaller = [luma.resize(size, Image.Resampling.LANCZOS) for size in sizes[1:]]
    return [torch.from_numpy(np.asarray(plane).copy()) for plane in [luma, *smaller]]


def _mirrored_to(plane: Tensor, size: int) -> Tensor:
    """Continue a plane that is smaller than `size` by mirroring it, as often as needed."""
    while min(plane.shape) < size:
        height, width = plane.shape
        right, bottom = (min(max(size - n, 0), n - 1) for n in (width, height))
        plane = F.pad(plane[None].float(), (0, right, 0, bottom), mode="reflect")[0].byte()
    return plane
