"""Mining of the windows that the patch generator is trained on (paper 000, Algorithm 1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...models.brmr import BRMRNetworks
from ...restorers.brmr.regions import mine_windows
from ..crops import Crops
from ..pool import Share
from .pairs import PATCH, Pair, PairSource

__all__ = ["MinedPool", "mine"]


@torch.no_grad()
def mine(
    networks: BRMRNetworks, source: PairSource, num: int, path: Path, *, seed: int, regions: int = 1
) -> None:
    """Deblur training pictures, find each one's most blurred windows, and keep them.

    Args:
        networks: Trained image generator and critic, in inference mode.
        source: The training pictures.
        num: How many windows.
        path: File to write; it appears whole or not at all. "deblurred" holds the image
            generator's windows, "blurred" what it was given, "sharp" their originals:
            (num, 3, 128, 128) uint8 each.
        seed: Decides which pictures are mined.
        regions: Windows of a picture; they do not overlap.
    """
    windows = islice(_windows(networks, source, seed, regions), num)
    blurred, deblurred, sharp = (torch.stack(part) for part in zip(*windows, strict=True))
    beside = path.with_suffix(".partial")
    save_file({"blurred": blurred, "deblurred": deblurred, "sharp": sharp}, beside)
    os.replace(beside, path)


def _windows(
    networks: BRMRNetworks, source: PairSource, seed: int, regions: int
) -> Iterator[tuple[Tensor, ...]]:
    for index in count(seed * 2**40):
        yield from _mined(networks, source.pair(index), regions)


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
        share: Share | None = None,
    ) -> None:
        windows = load_file(path, device=str(device))
        seen = [windows["blurred"]] if with_input else []
        self._seen = torch.cat([*seen, windows["deblurred"]], 1)
        self._sharp = windows["sharp"]
        self._batch_size = batch_size
        self._seed = seed
        self._share = share or Share()

    def batch(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step, in [0, 1].

        Returns:
            Deblurred, (N, 3, 128, 128), or blurred and deblurred, (N, 6, 128, 128); and sharp.
        """
        device = self._sharp.device
        generator = torch.Generator(device).manual_seed(self._seed * 2**40 + step)
        chance = torch.rand(7, self._batch_size, generator=generator, device=device)
        mine = self._share.of(chance, axis=1)
        chosen = (mine[6] * len(self._sharp)).long().clamp(max=len(self._sharp) - 1)
        crops = Crops.draw(mine[:6], size=PATCH, room=1)
        seen, sharp = (
            crops.of(kept, chosen, in_time=False).float() / 255
            for kept in (self._seen, self._sharp)
        )
        return seen, sharp
