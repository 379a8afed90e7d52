"""Mining of the windows that the patch generator is trained on (paper 000, Algorithm 1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...data.photos import random_below
from ...models.brmr import BRMRNetworks
from ...restorers.brmr.regions import mine_windows
from .pairs import Pair, PairPool

__all__ = ["MinedPool", "mine"]


@torch.no_grad()
def mine(networks: BRMRNetworks, pool: PairPool, num: int, path: Path, *, regions: int = 1) -> None:
    """Deblur training pictures, find each one's most blurred windows, and keep them.

    Args:
        networks: Trained image generator and critic, in inference mode.
        pool: The training pictures.
        num: How many windows.
        path: File to write; it appears whole or not at all. "deblurred" holds the image
            generator's windows, "blurred" what it was given, "sharp" their originals:
            (num, 3, 128, 128) uint8 each.
        regions: Windows of a picture; they do not overlap.
    """
    windows = islice(_windows(networks, pool, regions), num)
    blurred, deblurred, sharp = (torch.stack(part) for part in zip(*windows, strict=True))
    beside = path.with_suffix(".partial")
    save_file({"blurred": blurred, "deblurred": deblurred, "sharp": sharp}, beside)
    os.replace(beside, path)


def _windows(networks: BRMRNetworks, pool: PairPool, regions: int) -> Iterator[tuple[Tensor, ...]]:
    for index in count():
        yield from _mined(networks, pool.pair(index), regions)


def _mined(networks: BRMRNetworks, pair: Pair, regions: int) -> Iterator[tuple[Tensor, ...]]:
    device = next(networks.parameters()).device
    blurred = pair.blurred[None].to(device).float() / 255
    deblurred = networks.g_image(blurred).float().clamp(0, 1)
    heat = networks.d_image(blurred, deblurred).heat_blur
    codes = (deblurred[0] * 255).round().byte().cpu()
    for window in mine_windows(heat[0], regions):
        place = (..., window.rows, window.columns)
        yield tuple(part[place].contiguous() for part in (pair.blurred, codes, pair.sharp))


class MinedPool:
    """Draws batches of mined windows, flipped at random.

    Args:
        path: What `mine` wrote.
        with_input: Whether the blurred windows come before what was made of them.
        batch_size: Windows a batch, over all devices.
        seed: Decides everything that is drawn.
        device: Where batches are given.
        share: Which places of the batch are drawn here: (rank, number of devices).
    """

    def __init__(
        self,
        path: Path,
        *,
        with_input: bool = False,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        share: tuple[int, int] = (0, 1),
    ) -> None:
        windows = load_file(path)
        seen = [windows["blurred"]] if with_input else []
        self._seen = torch.cat([*seen, windows["deblurred"]], 1)
        self._sharp = windows["sharp"]
        self._batch_size = batch_size
        self._seed = seed
        self._device = torch.device(device)
        self._lanes = range(share[0], batch_size, share[1])

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step, in [0, 1].

        Returns:
            Deblurred, (N, 3, 128, 128), or blurred and deblurred, (N, 6, 128, 128); and sharp.
        """
        pairs = list(self._samples(step))
        seen, sharp = (torch.stack(part).to(self._device) for part in zip(*pairs, strict=True))
        return seen.float() / 255, sharp.float() / 255

    def _samples(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        for lane in self._lanes:
            seed = self._seed * 2**40 + step * self._batch_size + lane
            generator = torch.Generator().manual_seed(seed)
            index = random_below(len(self._sharp), generator)
            pair = (self._seen[index], self._sharp[index])
            flips = [axis for axis in (-1, -2) if random_below(2, generator)]
            pair = (pair[0].flip(flips), pair[1].flip(flips))
            yield (pair[0].mT, pair[1].mT) if random_below(2, generator) else pair
