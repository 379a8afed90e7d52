"""The discriminator D_i as a critic: how sharp a picture is, where not, and what a change did.

Heat maps here are (2, h, w): H^s, H^b of paper 000, equation (2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...models.pix2pix import CELL
from ...runtime.network import Network
from ..base import refuse_non_finite
from .regions import Window

__all__ = ["Change", "Critic", "margin"]

BATCH_PIXELS = 1 << 22
"""Pixels judged at once at most: bounds the memory."""


class Change(NamedTuple):
    """A window of a picture and what is to stand there."""

    window: Window
    pixels: Tensor
    """(3, window.height, window.width)."""


def margin(heat: Tensor) -> float:
    """By how much "sharp" leads "blur": the logit of the confidence delta.

    Pictures are compared by it and not by delta, which comes out as 1 for all that are very sharp.
    """
    return float((heat[0] - heat[1]).double().mean())


class Critic:
    """Judges candidates for the restoration of a blurred picture.

    Args:
        network: (N, 6, H, W), blurred and candidate -> (N, 2, h, w).
        reach: How far, in pixels beyond its own, a heat map's value can depend on the picture;
            None = on all of it. Where it is known, only what is near a change is judged anew.
    """

    def __init__(self, network: Network, reach: int | None) -> None:
        self._network = network
        # Whole values of the map, so that what is cut out lies on the network's grid.
        self._margin = None if reach is None else -(-reach // CELL) * CELL

    def look(self, blurred: Tensor, candidate: Tensor) -> Tensor:
        """Heat maps of a candidate: two of (3, H, W), in [0, 1], H and W multiples of 8."""
        return self._run([torch.cat([blurred, candidate])])[0]

    def look_at_each(
        self, blurred: Tensor, picture: Tensor, heat: Tensor, changes: Sequence[Change]
    ) -> list[Tensor]:
        """Heat maps of a picture with each of the changes alone.

        Args:
            blurred: (3, H, W).
            picture: (3, H, W).
            heat: The picture's own heat maps.
            changes: Windows of one size.
        """
        areas = [self._area(change.window, blurred) for change in changes]
        pairs = []
        for area, (window, pixels) in zip(areas, changes, strict=True):
            candidate = picture[:, area.rows, area.columns].clone()
            inside = window.within(area)
            candidate[:, inside.rows, inside.columns] = pixels
            pairs.append(torch.cat([blurred[:, area.rows, area.columns], candidate]))
        maps = self._run(pairs)
        return [
            self._with_part(heat, part, area, change.window)
            for part, area, change in zip(maps, areas, changes, strict=True)
        ]

    def look_again(
        self, blurred: Tensor, picture: Tensor, heat: Tensor, windows: Sequence[Window]
    ) -> Tensor:
        """Heat maps of a picture that has changed in some windows since `heat`."""
        if self._margin is None:
            return self.look(blurred, picture)
        for window in windows:
            unchanged = Change(window, picture[:, window.rows, window.columns])
            (heat,) = self.look_at_each(blurred, picture, heat, [unchanged])
        return heat

    def _area(self, window: Window, picture: Tensor) -> Window:
        """What must be looked at to judge a change in a window."""
        height, width = picture.shape[-2:]
        if self._margin is None:
            return Window(0, 0, width, height)
        # Values within the reach of the window change, and they depend on as much again.
        around = 2 * self._margin
        columns = _span(window.left - around, window.width + 2 * around, width)
        rows = _span(window.top - around, window.height + 2 * around, height)
        return Window(columns[0], rows[0], columns[1], rows[1])

    def _with_part(self, heat: Tensor, part: Tensor, area: Window, window: Window) -> Tensor:
        """Heat maps with those values replaced that a change in a window can have changed."""
        if self._margin is None:
            return part
        height, width = (CELL * length for length in heat.shape[-2:])
        affected = window.grown(self._margin, height, width)
        heat = heat.clone()
        heat[affected.cells] = part[affected.within(area).cells]
        return heat

    def _run(self, pairs: Sequence[Tensor]) -> list[Tensor]:
        at_once = max(1, BATCH_PIXELS // pairs[0][0].numel())
        maps: list[Tensor] = []
        for start in range(0, len(pairs), at_once):
            output = self._network(torch.stack(list(pairs[start : start + at_once])))
            maps.extend(refuse_non_finite(output.float()))
        return maps


def _span(start: int, length: int, whole: int) -> tuple[int, int]:
    """Start and length of a stretch moved inside a whole; equal lengths make one batch."""
    length = min(length, whole)
    return min(max(start, 0), whole - length), length
