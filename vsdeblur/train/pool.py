"""Batches of training windows: made, kept in a pool, and used several times.

Making a window costs a CPU more than learning from it, so each is made larger than the crop and
used `reuse` times, each time with another crop, orientation, direction of time, brightness and
noise. Everything is a function of the seed and the step number: a resumed run sees the same
batches without storing the pool. Each place in the batch has a part of the pool of its own (a
lane): several devices that share a batch see the crops that one device would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .losses import luma_psnr
from .photos import random_below
from .pool_settings import PoolSettings
from .sources import Source
from .synthesis import degrade

__all__ = ["WindowPool"]

GROUP = 4
"""Windows made at a time; those made from photos share one level of blur."""


class _Group(NamedTuple):
    """Windows that were made together."""

    blurred: Tensor  # (GROUP, 5, H, W)
    sharp: Tensor  # (GROUP, 1, H, W)
    max_noise: list[float]  # bound on each one's noise
    weights: Tensor  # (GROUP,), how often each is drawn


class WindowPool:
    """Draws the batch of any step.

    Args:
        sources: What makes windows, each with its weight.
        settings: How windows are kept and used.
        batch_size: Crops a batch, over all devices.
        crop: Height and width of a crop, in pixels.
        seed: Decides everything that is drawn.
        device: Where windows are made and kept.
        share: Which places of the batch are drawn here: (rank, number of devices).
    """

    def __init__(
        self,
        sources: Sequence[tuple[Source, float]],
        settings: PoolSettings,
        *,
        batch_size: int,
        crop: int,
        seed: int,
        device: torch.device | str = "cpu",
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._sources = [source for source, _ in sources]
        self._source_weights = torch.tensor([weight for _, weight in sources])
        self._settings = settings
        self._batch_size = batch_size
        self._crop = crop
        self._seed = seed
        self._device = torch.device(device)
        self._lanes = range(share[0], batch_size, share[1])
        self._groups: dict[int, dict[int, _Group]] = {lane: {} for lane in self._lanes}

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step: blurred (N, 5, H, W) and sharp (N, 1, H, W) luma in [0, 1]."""
        pairs = [self._sample(step, lane) for lane in self._lanes]
        blurred, sharp = (torch.stack(part) for part in zip(*pairs, strict=True))
        return blurred, sharp

    def _sample(self, step: int, lane: int) -> tuple[Tensor, Tensor]:
        groups = self._renew(step, lane)
        index = step * self._batch_size + lane
        generator = self._generator(1, index)
        weights = torch.cat([group.weights for group in groups])
        chosen = int(torch.multinomial(weights, 1, generator=generator))
        group = groups[chosen // GROUP]
        blurred, sharp = self._crop_of(group, chosen % GROUP, generator)
        noisy = degrade(
            blurred.float()[None],
            self._generator(2, index, self._device),
            max_sigma=group.max_noise[chosen % GROUP],
        )
        return noisy[0], sharp.float()

    def _renew(self, step: int, lane: int) -> list[_Group]:
        """Make the windows that a lane is due at a step, drop the oldest; return what is there."""
        share = GROUP * self._batch_size
        initial = max(1, self._settings.initial // share)
        kept = max(initial, self._settings.capacity // share)
        period = GROUP * self._settings.reuse  # steps in which a lane uses up a group
        made = initial + (step + lane * period // self._batch_size) // period
        before, numbers = self._groups[lane], range(max(0, made - kept), made)
        self._groups[lane] = {n: before.get(n) or self._make(lane, n) for n in numbers}
        return list(self._groups[lane].values())

    def _make(self, lane: int, number: int) -> _Group:
        index = number * self._batch_size + lane
        generator = self._generator(3, index)
        chosen = int(torch.multinomial(self._source_weights, 1, generator=generator))
        windows = self._sources[chosen].windows(
            GROUP, generator, self._generator(4, index, self._device)
        )
        middle = windows.blurred.shape[1] // 2
        psnr = luma_psnr(windows.blurred[:, middle : middle + 1], windows.sharp).cpu()
        low, high = self._settings.favoured_psnr
        favoured = (psnr >= low) & (psnr < high)
        bounds = (self._settings.max_noise, self._settings.max_concert_noise)
        return _Group(
            windows.blurred.half(),
            windows.sharp.half(),
            [bounds[is_concert] for is_concert in windows.is_concert.tolist()],
            torch.where(favoured, 1.0, self._settings.other_weight),
        )

    def _crop_of(
        self, group: _Group, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        room = group.sharp.shape[-1] - self._crop + 1
        top, left = (random_below(room, generator) for _ in range(2))
        window = (index, ..., slice(top, top + self._crop), slice(left, left + self._crop))
        blurred, sharp = group.blurred[window], group.sharp[window]
        flips = [axis for axis in (-1, -2) if random_below(2, generator)]
        blurred, sharp = blurred.flip(flips), sharp.flip(flips)
        if random_below(2, generator):
            blurred, sharp = blurred.mT, sharp.mT
        if random_below(2, generator):  # the same motion backwards in time
            blurred = blurred.flip(0)
        share, gain = torch.rand(2, generator=generator).tolist()
        if share < self._settings.darken_share:
            gain = 0.15 + 0.85 * gain
            blurred, sharp = blurred * gain, sharp * gain
        return blurred, sharp

    def _generator(
        self, purpose: int, index: int, device: torch.device | str = "cpu"
    ) -> torch.Generator:
        """A generator of its own for each purpose and index."""
        seed = (self._seed * 8 + purpose) * 2**32 + index
        return torch.Generator(device).manual_seed(seed)
