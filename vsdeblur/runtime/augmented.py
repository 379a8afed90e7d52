"""Test-time augmentation: the mean of what a network makes of mirrored, turned and reversed copies.

A network errs a little differently on each, and the mean errs less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import batched
from typing import NamedTuple

import torch
from torch import Tensor

from .network import Network

__all__ = ["COPIES", "AugmentedNetwork"]

HEIGHT, WIDTH = -2, -1


class _Copy(NamedTuple):
    """How frames are changed before a network sees them; what it gives is changed back."""

    is_transposed: bool
    flipped: tuple[int, ...]
    """Dimensions, after the transposition."""
    is_reversed: bool
    """In time, where the channels are frames."""

    def of(self, frames: Tensor, *, in_time: bool) -> Tensor:
        """Change frames, (N, C, H, W)."""
        turned = frames.mT if self.is_transposed else frames
        dims = (*self.flipped, *((1,) if in_time and self.is_reversed else ()))
        return turned.flip(dims) if dims else turned

    def undone(self, output: Tensor) -> Tensor:
        """Change back what the network gave."""
        upright = output.flip(self.flipped) if self.flipped else output
        return upright.mT if self.is_transposed else upright


PLAIN = _Copy(is_transposed=False, flipped=(), is_reversed=False)
COPIES: dict[int, tuple[_Copy, ...]] = {
    1: (PLAIN,),
    4: (
        PLAIN,
        _Copy(is_transposed=False, flipped=(WIDTH,), is_reversed=True),
        _Copy(is_transposed=True, flipped=(HEIGHT,), is_reversed=False),
        _Copy(is_transposed=True, flipped=(HEIGHT, WIDTH), is_reversed=True),
    ),
    8: (
        PLAIN,
        _Copy(is_transposed=False, flipped=(WIDTH,), is_reversed=True),
        _Copy(is_transposed=False, flipped=(HEIGHT,), is_reversed=False),
        _Copy(is_transposed=False, flipped=(HEIGHT, WIDTH), is_reversed=True),
        _Copy(is_transposed=True, flipped=(), is_reversed=True),
        _Copy(is_transposed=True, flipped=(HEIGHT,), is_reversed=False),
        _Copy(is_transposed=True, flipped=(WIDTH,), is_reversed=True),
        _Copy(is_transposed=True, flipped=(HEIGHT, WIDTH), is_reversed=False),
    ),
}
"""How many -> which: those of one shape side by side, and half of them reversed in time."""


class AugmentedNetwork:
    """A network's mean over changed copies of its input; a `Network`.

    It goes around what cuts frames into tiles. Copies of one shape run as one batch where memory
    allows.

    Args:
        network: (N, C, H, W) -> (N, C', H, W), at any size.
        num_copies: 1, 4 or 8; 1 is the network as it is.
        reverses_time: Whether the channels of the input are frames in time, of which the network
            restores the middle one: some copies then run backwards.
        order_is_free: Whether the channels of the output are moments that may run either way: each
            copy's are brought to the order of the first copy's.
        most_at_once: How many of such inputs may run as one batch; None = one.
    """

    def __init__(
        self,
        network: Network,
        num_copies: int,
        *,
        reverses_time: bool = False,
        order_is_free: bool = False,
        most_at_once: Callable[[Tensor], int] | None = None,
    ) -> None:
        self._network = network
        self._copies = COPIES[num_copies]
        self._reverses_time = reverses_time
        self._order_is_free = order_is_free
        self._most_at_once = most_at_once

    def __call__(self, frames: Tensor) -> Tensor:
        """Run it: (N, C, H, W) -> (N, C', H, W); float32 if there are several copies."""
        if len(self._copies) == 1:
            return self._network(frames)
        total: Tensor | None = None
        for output in self._outputs(frames):
            upright = output.float()
            if total is None:
                total = upright.clone()
                first = upright if self._order_is_free else None
                continue
            if first is not None:
                upright = _in_order_of(first, upright)
            total += upright
        assert total is not None
        return total / len(self._copies)

    def _outputs(self, frames: Tensor) -> Iterator[Tensor]:
        """What the network makes of each copy, changed back."""
        at_once = self._most_at_once(frames) if self._most_at_once is not None else 1
        for is_transposed in (False, True):
            alike = [copy for copy in self._copies if copy.is_transposed == is_transposed]
            for copies in batched(alike, at_once, strict=False):
                yield from self._batch(frames, copies)

    def _batch(self, frames: Tensor, copies: Sequence[_Copy]) -> Iterator[Tensor]:
        changed = [copy.of(frames, in_time=self._reverses_time) for copy in copies]
        outputs = self._network(torch.cat(changed)).chunk(len(copies))
        for copy, output in zip(copies, outputs, strict=True):
            yield copy.undone(output)


def _in_order_of(first: Tensor, other: Tensor) -> Tensor:
    """Moments, (N, M, H, W), of each picture the way round in which they are nearer to others."""
    backwards = other.flip(1)
    as_they_are, turned = (
        (moments - first).square().mean((1, 2, 3), keepdim=True) for moments in (other, backwards)
    )
    return torch.where(turned < as_they_are, backwards, other)
