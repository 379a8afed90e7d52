"""Pairs of a blurred picture and a sharp one, for filters that work frame by frame.

A picture is blurred by one of the seven kernels of paper 000 (section 4.1), or by the virtual
camera. Everything is a function of the seed and the step number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...data.kernels import apply_blur, draw_blur
from ...data.photos import random_below
from ..settings import BlurSettings, PairSettings
from ..synthesis.windows import synthesize
from .colour_photos import PictureSet

__all__ = ["PATCH", "Pair", "PairPool", "random_pair"]

PATCH = 128
"""Height and width of a window that is blurred by itself, in pixels (paper 000)."""


class Pair(NamedTuple):
    """A blurred picture, its sharp original, and the original with one blurred window."""

    blurred: Tensor
    """(3, H, W) uint8."""
    sharp: Tensor
    """(3, H, W) uint8."""
    patched: Tensor
    """(3, H, W) uint8: sharp but for one window of PATCH pixels."""
    window: Tensor
    """(1, H, W) bool: where that window is."""


def random_pair(
    photos: PictureSet,
    settings: PairSettings,
    blur: BlurSettings,
    generator: torch.Generator,
) -> Pair:
    """Cut a picture out of a photo and blur it.

    Args:
        photos: Where pictures come from.
        settings: How they are blurred.
        blur: What the virtual camera's blur is drawn from.
        generator: Source of randomness, on the CPU.
    """
    if float(torch.rand((), generator=generator)) < settings.camera_share:
        blurred, sharp = _moved(photos, settings.size, blur, generator)
    else:
        sharp = _middle(photos.picture(generator), settings.size)
        blurred = _by_kernel(sharp, generator)
    side = min(PATCH, settings.size)
    top, left = (random_below(settings.size - side + 1, generator) for _ in range(2))
    window = torch.zeros(1, settings.size, settings.size, dtype=torch.bool)
    window[:, top : top + side, left : left + side] = True
    return Pair(blurred, sharp, torch.where(window, blurred, sharp), window)


def _by_kernel(sharp: Tensor, generator: torch.Generator) -> Tensor:
    rng = np.random.default_rng(random_below(2**31, generator))
    picture = sharp.permute(1, 2, 0).numpy()
    return torch.from_numpy(apply_blur(picture, draw_blur(rng))).permute(2, 0, 1).contiguous()


def _moved(
    photos: PictureSet, size: int, blur: BlurSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A picture blurred by the virtual camera, and the view at the centre of its exposure."""
    settings = replace(blur, num_frames=1, size=size, margin=(photos.size - size) // 2)
    background, foreground = (photos.picture(generator)[None] / 255 for _ in range(2))
    exposure = synthesize(background, foreground, settings, generator)
    return _codes(exposure.blurred[0, 0]), _codes(exposure.sharp[0])


def _codes(picture: Tensor) -> Tensor:
    return (picture * 255).round().clamp(0, 255).byte()


def _middle(picture: Tensor, size: int) -> Tensor:
    start = (picture.shape[-1] - size) // 2
    return picture[:, start : start + size, start : start + size].contiguous()


class PairPool:
    """Draws the batch of any step.

    Args:
        sources: Photos, each with its weight.
        settings: How pictures are blurred.
        blur: What the virtual camera's blur is drawn from.
        batch_size: Pictures a batch, over all devices.
        seed: Decides everything that is drawn.
        device: Where batches are given.
        share: Which places of the batch are drawn here: (rank, number of devices).
    """

    def __init__(
        self,
        sources: Sequence[tuple[PictureSet, float]],
        settings: PairSettings,
        blur: BlurSettings,
        *,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._photos = [photos for photos, _ in sources]
        self._weights = torch.tensor([weight for _, weight in sources])
        self._settings = settings
        self._blur = blur
        self._batch_size = batch_size
        self._seed = seed
        self._device = torch.device(device)
        self._lanes = range(share[0], batch_size, share[1])

    def pair(self, index: int) -> Pair:
        """The pair of an index; the same one whenever it is asked for."""
        generator = torch.Generator().manual_seed(self._seed * 2**40 + index)
        chosen = int(torch.multinomial(self._weights, 1, generator=generator))
        return random_pair(self._photos[chosen], self._settings, self._blur, generator)

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step: the parts of `Pair`, stacked; pictures in [0, 1], windows 0 or 1."""
        pairs = [self.pair(step * self._batch_size + lane) for lane in self._lanes]
        parts = [torch.stack(part).to(self._device).float() for part in zip(*pairs, strict=True)]
        return (*(part / 255 for part in parts[:3]), parts[3])
