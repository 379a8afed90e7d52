"""Batches of blurred frames with their seven moments, kept and used as in `pool`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..pool import GROUP, LanePool, Turn
from ..settings import PoolSettings
from ..synthesis.windows import degrade
from .exposures import MomentSource
from .sequence_validation import moment_psnr

__all__ = ["MomentPool"]


class _Group(NamedTuple):
    """Windows that were made together."""

    blurred: Tensor  # (GROUP, 1, H, W), half precision
    moments: Tensor  # (GROUP, 7, H, W), uint8
    flows: Tensor | None  # (GROUP, 2, 2, H, W), half precision: to the last, to the first
    max_noise: list[float]  # bound on each one's noise
    weights: Tensor  # (GROUP,), how often each is drawn


class MomentPool(LanePool[_Group]):
    """Draws blurred frames, with noise, and the moments behind them: luma in [0, 1].

    A batch is (N, 1, H, W) and (N, 7, H, W); with flows, `to_last` and `to_first` as in
    `MomentWindows` follow, (N, 2, H, W) each.

    Args:
        sources: What makes windows, each with its weight.
        settings: How windows are kept and used.
        with_flows: Whether the flows are kept, which doubles the memory that a window takes.
        options: Those of `LanePool`.
    """

    def __init__(
        self,
        sources: Sequence[tuple[MomentSource, float]],
        settings: PoolSettings,
        *,
        with_flows: bool,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__([weight for _, weight in sources], settings, **options)
        self._sources = [source for source, _ in sources]
        self._with_flows = with_flows

    def _made(self, source: int, generator: torch.Generator, on_device: torch.Generator) -> _Group:
        windows = self._sources[source].windows(GROUP, generator, on_device)
        flows = torch.stack([windows.to_last, windows.to_first], 1) if self._with_flows else None
        repeated = windows.blurred.expand_as(windows.moments)
        return _Group(
            windows.blurred.half(),
            (windows.moments * 255).round().byte(),
            None if flows is None else flows.half(),
            self._noise_bounds(windows.is_concert),
            self._preference(moment_psnr(repeated, windows.moments).cpu()),
        )

    def _weights_of(self, group: _Group) -> Tensor:
        return group.weights

    def _taken(
        self, group: _Group, index: int, generator: torch.Generator, on_device: torch.Generator
    ) -> tuple[Tensor, ...]:
        turn = self._turn(group.moments.shape[-1] - self._crop + 1, generator)
        blurred = turn.of(group.blurred[index], self._crop).float() * turn.gain
        noisy = degrade(blurred[None], on_device, max_sigma=group.max_noise[index])[0]
        moments = turn.of(group.moments[index], self._crop).float() * (turn.gain / 255)
        if turn.reversed_in_time:
            moments = moments.flip(0)
        if group.flows is None:
            return noisy, moments
        return noisy, moments, *_turned_flows(group.flows[index], turn, self._crop)


def _turned_flows(flows: Tensor, turn: Turn, crop: int) -> tuple[Tensor, Tensor]:
    """A crop of (2, 2, H, W), whose vectors turn with the picture."""
    flows = turn.of(flows, crop).float()
    x, y = flows.unbind(1)
    x, y = (-x if -1 in turn.flips else x), (-y if -2 in turn.flips else y)
    flows = torch.stack([y, x] if turn.transposed else [x, y], 1)
    to_last, to_first = flows.flip(0) if turn.reversed_in_time else flows
    return to_last, to_first
