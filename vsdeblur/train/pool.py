"""Batches of training windows: made, kept in a pool, and used several times.

Making a window costs a CPU more than learning from it, so each is made larger than the crop and
used `reuse` times, each time with another crop, orientation, direction of time, brightness and
noise. Everything is a function of the seed and the step number: a resumed run sees the same
batches without storing the pool. Each place in the batch has a part of the pool of its own (a
lane): several devices that share a batch see the crops that one device would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..data.photos import random_below
from ..data.psnr import luma_psnr
from .settings import PoolSettings
from .synthesis.sources import Source
from .synthesis.windows import degrade

__all__ = ["GROUP", "LanePool", "Turn", "WindowPool"]

GROUP = 4
"""Windows made at a time; those made from photos share one level of blur."""


class LanePool[Group](ABC):
    """Draws the batch of any step from groups of windows; heirs know what a group holds.

    Args:
        weights: Weight of each source.
        settings: How windows are kept and used.
        batch_size: Crops a batch, over all devices.
        crop: Height and width of a crop, in pixels.
        seed: Decides everything that is drawn.
        device: Where windows are made and kept.
        share: Which places of the batch are drawn here: (rank, number of devices).
    """

    def __init__(
        self,
        weights: Sequence[float],
        settings: PoolSettings,
        *,
        batch_size: int,
        crop: int,
        seed: int,
        device: torch.device | str = "cpu",
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._source_weights = torch.tensor(weights)
        self._settings = settings
        self._batch_size = batch_size
        self._crop = crop
        self._seed = seed
        self._device = torch.device(device)
        self._lanes = range(share[0], batch_size, share[1])
        self._groups: dict[int, dict[int, Group]] = {lane: {} for lane in self._lanes}

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step: the parts of its samples, stacked."""
        samples = [self._sample(step, lane) for lane in self._lanes]
        return tuple(torch.stack(part) for part in zip(*samples, strict=True))

    @abstractmethod
    def _made(self, source: int, generator: torch.Generator, on_device: torch.Generator) -> Group:
        """A group of `GROUP` windows from one of the sources."""

    @abstractmethod
    def _weights_of(self, group: Group) -> Tensor:
        """How often each window of a group is drawn, (GROUP,)."""

    @abstractmethod
    def _taken(
        self, group: Group, index: int, generator: torch.Generator, on_device: torch.Generator
    ) -> tuple[Tensor, ...]:
        """A sample: a crop of a window of a group."""

    def _sample(self, step: int, lane: int) -> tuple[Tensor, ...]:
        groups = self._renew(step, lane)
        index = step * self._batch_size + lane
        generator = self._generator(1, index)
        weights = torch.cat([self._weights_of(group) for group in groups])
        chosen = int(torch.multinomial(weights, 1, generator=generator))
        return self._taken(
            groups[chosen // GROUP], chosen % GROUP, generator,
            self._generator(2, index, self._device),
        )  # fmt: skip

    def _renew(self, step: int, lane: int) -> list[Group]:
        """Make the windows that a lane is due at a step, drop the oldest; return what is there."""
        share = GROUP * self._batch_size
        initial = max(1, self._settings.initial // share)
        kept = max(initial, self._settings.capacity // share)
        period = GROUP * self._settings.reuse  # steps in which a lane uses up a group
        made = initial + (step + lane * period // self._batch_size) // period
        before, numbers = self._groups[lane], range(max(0, made - kept), made)
        self._groups[lane] = {n: before.get(n) or self._make(lane, n) for n in numbers}
        return list(self._groups[lane].values())

    def _make(self, lane: int, number: int) -> Group:
        index = number * self._batch_size + lane
        generator = self._generator(3, index)
        source = int(torch.multinomial(self._source_weights, 1, generator=generator))
        return self._made(source, generator, self._generator(4, index, self._device))

    def _preference(self, psnr: Tensor) -> Tensor:
        """How often windows are drawn, by the PSNR of their blurred frames."""
        low, high = self._settings.favoured_psnr
        favoured = (psnr >= low) & (psnr < high)
        return torch.where(favoured, 1.0, self._settings.other_weight)

    def _noise_bounds(self, is_concert: Tensor) -> list[float]:
        """Bound on each window's noise."""
        bounds = (self._settings.max_noise, self._settings.max_concert_noise)
        return [bounds[is_lit] for is_lit in is_concert.tolist()]

    def _turn(self, room: int, generator: torch.Generator) -> Turn:
        """How a window with room for so many places of a crop is cropped and changed."""
        top, left = (random_below(room, generator) for _ in range(2))
        flips = [axis for axis in (-1, -2) if random_below(2, generator)]
        transposed, reversed_in_time = (bool(random_below(2, generator)) for _ in range(2))
        share, gain = torch.rand(2, generator=generator).tolist()
        is_dark = share < self._settings.darken_share
        return Turn(
            top, left, flips, transposed, reversed_in_time, 0.15 + 0.85 * gain if is_dark else 1.0
        )

    def _generator(
        self, purpose: int, index: int, device: torch.device | str = "cpu"
    ) -> torch.Generator:
        """A generator of its own for each purpose and index."""
        seed = (self._seed * 8 + purpose) * 2**32 + index
        return torch.Generator(device).manual_seed(seed)


class Turn(NamedTuple):
    """How a crop is taken from a window, and changed."""

    top: int
    left: int
    flips: list[int]  # axes
    transposed: bool
    reversed_in_time: bool
    gain: float

    def of(self, picture: Tensor, crop: int) -> Tensor:
        """The crop of (..., H, W), flipped and transposed; not reversed or darkened."""
        window = (
            ..., slice(self.top, self.top + crop), slice(self.left, self.left + crop)
        )  # fmt: skip
        cut = picture[window].flip(self.flips)
        return cut.mT if self.transposed else cut


class _Group(NamedTuple):
    """Windows that were made together."""

    blurred: Tensor  # (GROUP, 5, H, W)
    sharp: Tensor  # (GROUP, 1, H, W)
    max_noise: list[float]  # bound on each one's noise
    weights: Tensor  # (GROUP,), how often each is drawn


class WindowPool(LanePool[_Group]):
    """Draws blurred (N, 5, H, W) and sharp (N, 1, H, W) luma, in [0, 1].

    Args:
        sources: What makes windows, each with its weight.
        settings: How windows are kept and used.
        options: Those of `LanePool`.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Source, float]],
        settings: PoolSettings,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__([weight for _, weight in sources], settings, **options)
        self._sources = [source for source, _ in sources]

    def _made(self, source: int, generator: torch.Generator, on_device: torch.Generator) -> _Group:
        windows = self._sources[source].windows(GROUP, generator, on_device)
        middle = windows.blurred.shape[1] // 2
        psnr = luma_psnr(windows.blurred[:, middle : middle + 1], windows.sharp).cpu()
        return _Group(
            windows.blurred.half(),
            windows.sharp.half(),
            self._noise_bounds(windows.is_concert),
            self._preference(psnr),
        )

    def _weights_of(self, group: _Group) -> Tensor:
        return group.weights

    def _taken(
        self, group: _Group, index: int, generator: torch.Generator, on_device: torch.Generator
    ) -> tuple[Tensor, ...]:
        turn = self._turn(group.sharp.shape[-1] - self._crop + 1, generator)
        blurred, sharp = (turn.of(part[index], self._crop) for part in (group.blurred, group.sharp))
        if turn.reversed_in_time:
            blurred = blurred.flip(0)
        if turn.gain != 1:
            blurred, sharp = blurred * turn.gain, sharp * turn.gain
        noisy = degrade(blurred.float()[None], on_device, max_sigma=group.max_noise[index])
        return noisy[0], sharp.float()
