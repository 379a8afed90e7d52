"""Pairs of a blurred picture and a sharp one, for filters that work frame by frame.

A picture is blurred by one of the seven kernels of paper 000 (section 4.1), or by the virtual
camera. Everything is a function of the seed and the step number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...data.kernels import apply_blur, draw_blur
from ...data.photos import random_below
from ..kept_windows import Made
from ..pool import WindowPool
from ..settings import BlurSettings, PairSettings, PoolSettings
from ..synthesis.windows import synthesize
from .colour_photos import PictureSet

__all__ = ["PATCH", "Pair", "PairPool", "PairSource", "random_pair"]

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
        patches = torch.stack([photos.picture(generator) for _ in range(2)]) / 255
        (blurred,), (sharp,) = _moved(patches, settings.size, blur, generator)
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
    patches: Tensor, size: int, blur: BlurSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pictures blurred by the virtual camera, and the views at the centres of their exposures.

    Args:
        patches: (2N, 3, P, P) in [0, 1]: as many backgrounds, then as many foregrounds.
        size: Height and width of the pictures.
        blur: What the blur is drawn from.
        generator: Source of randomness, on the same device.
    """
    settings = replace(blur, num_frames=1, size=size, margin=(patches.shape[-1] - size) // 2)
    background, foreground = patches.chunk(2)
    exposure = synthesize(background, foreground, settings, generator)
    return _codes(exposure.blurred[:, 0]), _codes(exposure.sharp)


def _codes(picture: Tensor) -> Tensor:
    return (picture * 255).round().clamp(0, 255).byte()


def _middle(picture: Tensor, size: int) -> Tensor:
    start = (picture.shape[-1] - size) // 2
    return picture[:, start : start + size, start : start + size].contiguous()


@dataclass(frozen=True)
class PairSource:
    """Pairs of colour pictures."""

    photos: Sequence[tuple[PictureSet, float]]
    """Photos, each with its weight."""
    settings: PairSettings
    """How pictures are blurred."""
    blur: BlurSettings
    """What the virtual camera's blur is drawn from."""
    device: torch.device | str = "cpu"
    """Where the virtual camera works, and pictures for the pool are given."""

    def pair(self, seed: int) -> Pair:
        """The pair of a seed; the same one whenever it is asked for."""
        generator = torch.Generator().manual_seed(seed)
        return random_pair(self._drawn(generator), self.settings, self.blur, generator)

    def made(self, num: int, generator: torch.Generator, on_device: torch.Generator) -> Made:
        """Pairs for the pool: all of a group by the virtual camera, or each by a kernel."""
        photos, settings = self._drawn(generator), self.settings
        if float(torch.rand((), generator=generator)) < settings.camera_share:
            patches = torch.stack([photos.picture(generator) for _ in range(2 * num)])
            patches = patches.to(self.device) / 255
            blurred, sharp = _moved(patches, settings.size, self.blur, on_device)
        else:
            pictures = [photos.picture(generator) for _ in range(num)]
            originals = [_middle(picture, settings.size) for picture in pictures]
            sharp = torch.stack(originals)
            blurred = torch.stack([_by_kernel(picture, generator) for picture in originals])
        blurred, sharp = (codes.to(self.device).float() / 255 for codes in (blurred, sharp))
        psnr = -10 * (blurred - sharp).square().mean((1, 2, 3)).clamp_min(1e-10).log10()
        return Made(blurred, sharp, psnr, torch.zeros_like(psnr, dtype=torch.bool))

    def _drawn(self, generator: torch.Generator) -> PictureSet:
        weights = torch.tensor([weight for _, weight in self.photos])
        return self.photos[int(torch.multinomial(weights, 1, generator=generator))][0]


class PairPool(WindowPool):
    """Draws the parts of `Pair`, stacked: pictures in [0, 1], windows 0 or 1.

    Args:
        source: Makes the pictures.
        settings: How they are kept and used.
        options: Those of `WindowPool`.
    """

    def __init__(self, source: PairSource, settings: PoolSettings, **options: Any) -> None:  # noqa: ANN401
        super().__init__(
            [(source.made, 1.0)], settings,
            crop=source.settings.size, in_time=False, kept_as=torch.uint8, **options,
        )  # fmt: skip

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step; its windows are blurred anew at places of their own."""
        blurred, sharp = super().batch(step)
        generator = self._generator(4, step, self._device)
        chance = torch.rand(2, self._batch_size, 1, generator=generator, device=self._device)
        side = min(PATCH, self._crop)
        axis = torch.arange(self._crop, device=self._device)
        rows, columns = (
            (axis >= first) & (axis < first + side)
            for first in (self._share.of(chance, axis=1) * (self._crop - side + 1)).long()
        )
        window = (rows[:, :, None] & columns[:, None])[:, None]
        return blurred, sharp, torch.where(window, blurred, sharp), window.float()
