"""Batches of training windows: made, kept in a pool, and used several times.

Making a window costs more than learning from it, so each is made larger than the crop and used
`reuse` times, each time with another crop, orientation, direction of time, brightness and noise.
All windows lie in one tensor on the device, and a batch is gathered from it, turned and degraded as
a whole: that takes as many operations for 16 crops as for 128.

Everything is a function of the seed and the step: a resumed run sees the same batches without
storing the pool. The pool has parts, and each place in the batch draws from one of them: devices
that share a batch make and keep no more than the parts of their own places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor

from .crops import Crops
from .footage import as_recorded
from .kept_windows import KeptWindows, Made, unpacked
from .settings import DrawSettings, PoolSettings

__all__ = ["GROUP", "Maker", "Share", "WindowPool", "num_parts"]

GROUP = {"cpu": 4, "cuda": 48}
"""Windows made at a time, by kind of device; those made from photos share one level of blur."""
MAX_PARTS = 120
"""Divisible by all numbers of devices up to six, by 8, 10 and 12."""


def num_parts(batch_size: int) -> int:
    """Parts of the pool that batches of a size are drawn from: as many devices can share them."""
    return gcd(batch_size, MAX_PARTS)


type Maker = Callable[[int, torch.Generator, torch.Generator], Made]
"""Makes so many windows, from a generator on the CPU and one on the training device; the same ones
from the same generators."""


@dataclass(frozen=True)
class Share:
    """Which places of a batch are this device's: every `devices`-th one from `rank` on."""

    rank: int = 0
    devices: int = 1
    gather: Callable[[Tensor], Tensor] = lambda mine: mine[None]
    """What all devices have, stacked: (N, ...) -> (devices, N, ...)."""

    def of(self, batch: Tensor, axis: int = 0) -> Tensor:
        """This device's places."""
        mine = slice(self.rank, None, self.devices)
        return batch[mine] if axis == 0 else batch[:, mine]

    def whole(self, mine: Tensor) -> Tensor:
        """The batch that all devices' places are."""
        return self.gather(mine).transpose(0, 1).flatten(0, 1) if self.devices > 1 else mine


class WindowPool:
    """Draws batches of crops: blurred (N, T, H, W) and sharp (N, M, H, W), in [0, 1].

    Windows with flows have a third part, (N, 4, H, W).

    Args:
        makers: What makes windows, each with its weight.
        settings: How windows are kept and used.
        batch_size: Crops a batch, over all devices.
        crop: Height and width of a crop, in pixels.
        seed: Decides everything that is drawn.
        device: Where windows are made and kept.
        share: Which places of the batch are drawn here.
        draws: What footage does to crops; None = nothing.
        in_time: Whether planes follow each other in time; colours do not.
        kept_as: Number format of sharp windows in the pool: torch.half, or torch.uint8.
    """

    def __init__(
        self,
        makers: Sequence[tuple[Maker, float]],
        settings: PoolSettings,
        *,
        batch_size: int,
        crop: int,
        seed: int,
        device: torch.device | str = "cpu",
        share: Share = Share(),
        draws: DrawSettings | None = None,
        in_time: bool = True,
        kept_as: torch.dtype = torch.half,
    ) -> None:
        self._makers = [maker for maker, _ in makers]
        self._maker_weights = torch.tensor([weight for _, weight in makers])
        self._settings = settings
        self._batch_size = batch_size
        self._crop = crop
        self._seed = seed
        self._device = torch.device(device)
        self._share = share
        self._draws = draws or DrawSettings()
        self._in_time = in_time
        self._kept_as = kept_as
        self._group = GROUP.get(self._device.type, GROUP["cpu"])
        self._num_parts = num_parts(batch_size)
        self._parts = range(share.rank, self._num_parts, share.devices)
        self._initial = max(1, settings.initial // (self._group * self._num_parts))
        self._capacity = max(self._initial, settings.capacity // (self._group * self._num_parts))
        self._numbers = [[-1] * self._capacity for _ in self._parts]  # of the groups that are there
        self._kept: KeptWindows | None = None
        self._odds = torch.zeros(0)

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step, this device's places of it; a function of the step alone."""
        self._renew(step)
        generator = self._generator(1, step, self._device)
        chance = torch.rand(9, self._batch_size, generator=generator, device=self._device)
        mine = self._cut(self._share.of(chance, axis=1))
        whole = self._degraded([self._share.whole(part) for part in mine], chance[7:], generator)
        return tuple(self._share.of(part) for part in whole)

    def _cut(self, chance: Tensor) -> list[Tensor]:
        """Crops of this device's windows, as they are kept, and the bounds on their noise."""
        kept = self._kept
        assert kept is not None
        windows = self._drawn(chance[6])
        room = kept.sharp.shape[-1] - self._crop + 1
        crops = Crops.draw(chance[:6], size=self._crop, room=room)
        cut = [crops.of(p, windows, in_time=self._in_time) for p in (kept.blurred, kept.sharp)]
        flows = [] if kept.flows is None else [crops.flows_of(kept.flows, windows)]
        return [*cut, kept.max_noise[windows], *flows]

    def _degraded(
        self, parts: Sequence[Tensor], chance: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Crops as the network sees them: darkened, and as they are recorded."""
        blurred, sharp, max_noise, *flows = parts
        settings = self._settings
        is_dark = chance[0] < settings.darken_share
        gain = torch.where(is_dark, 0.15 + 0.85 * chance[1], 1.0)[:, None, None, None]
        blurred, sharp = (unpacked(part).mul_(gain) for part in (blurred, sharp))
        is_noisy = settings.max_noise > 0 or settings.max_concert_noise > 0
        recorded = as_recorded(
            blurred,
            sharp,
            max_noise if is_noisy else None,
            self._draws,
            generator,
            in_time=self._in_time,
        )
        return *recorded, *(flow.float() for flow in flows)

    def _drawn(self, chance: Tensor) -> Tensor:
        """Which windows the crops are of, (N,), from uniform numbers."""
        num = len(self._parts)
        wanted = chance.double().view(-1, num).mT.contiguous()  # place p draws from part p % num
        slots = torch.searchsorted(self._odds, wanted * self._odds[:, -1:], right=True)
        first = torch.arange(num, device=slots.device)[:, None] * (self._capacity * self._group)
        return (slots + first).mT.flatten()

    def _renew(self, step: int) -> None:
        """Make the windows that are due at a step, in place of the oldest."""
        period = self._group * self._settings.reuse
        uses = self._batch_size // self._num_parts * step  # of each part so far
        due = [
            self._initial + (uses + part * period // self._num_parts) // period
            for part in self._parts
        ]
        changed = False
        for index, (part, numbers) in enumerate(zip(self._parts, self._numbers, strict=True)):
            for number in range(max(0, due[index] - self._capacity), due[index]):
                place = number % self._capacity
                if numbers[place] != number:
                    self._put(index * self._capacity + place, self._make(part, number))
                    numbers[place], changed = number, True
        if changed:
            self._odds = self._cumulated(due)

    def _cumulated(self, due: Sequence[int]) -> Tensor:
        """Running sums of how often windows are drawn, part by part: (parts, windows)."""
        assert self._kept is not None
        filled = torch.tensor(due, device=self._device)[:, None] * self._group
        weights = self._kept.weights.view(len(self._parts), -1).double()
        is_there = torch.arange(weights.shape[1], device=self._device) < filled
        return (weights * is_there).cumsum(1)

    @torch.no_grad()
    def _make(self, part: int, number: int) -> Made:
        index = number * self._num_parts + part
        generator = self._generator(2, index)
        chosen = int(torch.multinomial(self._maker_weights, 1, generator=generator))
        on_device = self._generator(3, index, self._device)
        return self._makers[chosen](self._group, generator, on_device)

    def _put(self, group: int, made: Made) -> None:
        if self._kept is None:
            num = len(self._parts) * self._capacity * self._group
            self._kept = KeptWindows.like(made, num, self._kept_as, self._device)
        low, high = self._settings.favoured_psnr
        favoured = (made.psnr >= low) & (made.psnr < high)
        bounds = self._settings.max_concert_noise, self._settings.max_noise
        self._kept.put(
            slice(group * self._group, (group + 1) * self._group),
            made,
            torch.where(made.is_concert, *bounds),
            torch.where(favoured, 1.0, self._settings.other_weight),
        )

    def _generator(
        self, purpose: int, index: int, device: torch.device | str = "cpu"
    ) -> torch.Generator:
        """A generator of its own for each purpose and index."""
        seed = (self._seed * 8 + purpose) * 2**32 + index
        return torch.Generator(device).manual_seed(seed)
