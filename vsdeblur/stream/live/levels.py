"""The levels of degradation of a filter: its models, a smaller inner size, and nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import OptionError
from ...manifest import load_manifest
from ...restorers import load_restorer

__all__ = ["PASSED", "HalfSize", "Level", "LiveFilter", "load_live_filter"]

_CHEAPER = {"dblrgan": {"quality": "fast", "paper": "fast"}}
"""Filter -> model -> the faster one that does the same."""


class Restores(Protocol):
    """What restores the middle frame of a window."""

    def restore(self, window: Tensor, number: int = 0) -> Tensor:
        """See `Restorer.restore`."""
        ...


@dataclass(frozen=True)
class Level:
    """What is done to frames."""

    name: str
    restorer: Restores | None
    """None = nothing: they pass through."""


@dataclass(frozen=True)
class LiveFilter:
    """A filter, as live streams need it."""

    radius: int
    """Frames needed on each side of the one being restored."""
    channels: int
    """1: luma only; 3: RGB."""
    device: torch.device
    """Where windows must be."""
    levels: tuple[Level, ...]
    """What can be done to frames, from the best down; the last one is nothing."""


PASSED = Level("passed through", None)


class HalfSize:
    """Restores pictures at half their size; the change that makes is added to the whole picture.

    What is as sharp as half the size can show is restored, finer detail stays as it came.

    Args:
        restorer: What restores them; it gives one picture for each.
    """

    def __init__(self, restorer: Restores) -> None:
        self._restorer = restorer

    @torch.inference_mode()
    def restore(self, window: Tensor, number: int = 0) -> Tensor:
        """See `Restorer.restore`."""
        height, width = window.shape[-2:]
        even = F.pad(window, (0, width % 2, 0, height % 2), mode="replicate")
        small = F.avg_pool2d(even, 2)
        middle = len(window) // 2
        change = self._restorer.restore(small, number) - small[middle]
        size = (height + height % 2, width + width % 2)
        change = F.interpolate(change, size=size, mode="bilinear", align_corners=False)
        return window[middle] + change[..., :height, :width]


def load_live_filter(filter_name: str, options: Mapping[str, Any]) -> LiveFilter:
    """Load what the levels of a filter need, from the best down.

    Args:
        filter_name: As in the manifest.
        options: Its parameters, as `load_restorer` takes them.

    Raises:
        DeblurError: As `load_restorer`; or the filter gives several frames for each.
    """
    facts = load_manifest().filter(filter_name)
    if facts.multiplier > 1:
        others = sorted(f.name for f in load_manifest().filters.values() if f.multiplier == 1)
        raise OptionError(
            f"filter {filter_name!r} gives {facts.multiplier} frames for each, which is not for "
            f"live streams; use {' or '.join(others)}"
        )
    best = load_restorer(filter_name, **options)
    model = options.get("model") or facts.model("auto", best.device.type).name
    levels = [Level(model, best)]
    cheaper = _CHEAPER.get(filter_name, {}).get(model)
    if cheaper is not None and options.get("weights") is None:
        levels.append(Level(cheaper, load_restorer(filter_name, **{**options, "model": cheaper})))
    if options.get("output", "restored") == "restored":  # a heat map is no change of the picture
        fastest, name = levels[-1].restorer, levels[-1].name
        assert fastest is not None
        levels.append(Level(f"{name} at half size", HalfSize(fastest)))
    return LiveFilter(best.radius, best.channels, best.device, (*levels, PASSED))
