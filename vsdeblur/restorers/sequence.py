"""The sequence extractor (paper 002): a blurred frame opened into the moments of its exposure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from ..models import ModelSpec
from ..models.layers import pad_by_reflection
from ..models.sequence import NUM_MOMENTS
from ..runtime.augmented import AugmentedNetwork
from ..runtime.fitting import FittedNetwork
from ..runtime.host import num_threads
from ..runtime.network import Network
from ..runtime.tile_network import TileNetwork
from .base import KnownWindow, Outcome, Restorer
from .loaded_model import LoadedModel
from .time_direction import turned

__all__ = ["SequenceOptions", "SequenceRestorer", "make_sequence", "multiplier_of"]


@dataclass(frozen=True, kw_only=True)
class SequenceOptions:
    """What is made of a frame. Ranges: the manifest."""

    depth: int = 1
    """How often the network is applied; see `multiplier_of`."""
    order: bool = True
    """Whether the neighbours decide which way time runs; otherwise the network does."""
    chroma: str = "flow"
    """Heeded by front ends: "flow" = chroma moves with the luma, "static" = it stays."""
    exposure: float = 1.0
    """Heeded by front ends: part of the frame interval over which the moments are spread."""
    moments: int | None = None
    """Heeded by front ends: how many moments of each frame are shown; None = all."""
    fps: float | None = None
    """Heeded by front ends: frames a second that are shown; None = by `moments`."""
    tta: int = 1
    """Copies of a frame that are opened: 1, 4 or 8; see `AugmentedNetwork`."""


def multiplier_of(depth: int) -> int:
    """Frames out per frame in: 7, or seven for each neighbouring pair of the depth before.

    >>> [multiplier_of(depth) for depth in (1, 2, 3)]
    [7, 42, 287]
    """
    return NUM_MOMENTS if depth == 1 else NUM_MOMENTS * (multiplier_of(depth - 1) - 1)


class SequenceRestorer(Restorer):
    """Opens the middle frame of a window of three; the other two only say which way time runs.

    Args:
        network: The compiled network, in the model's inference form: (1, 1, H, W) -> (1, 7, H, W).
        spec: The model's facts.
        device: Where the network runs.
        tile: Width and height of tiles in pixels; None = whole frames where they fit into memory.
        options: What to make.
        adds_middle_frame: Whether the network's outputs are residuals.
        tile_network: Runs tiles so that they come out as in the whole frame.
    """

    def __init__(
        self,
        network: Network,
        spec: ModelSpec,
        device: torch.device,
        tile: tuple[int, int] | None = None,
        options: SequenceOptions = SequenceOptions(),
        *,
        adds_middle_frame: bool,
        tile_network: TileNetwork | None = None,
    ) -> None:
        self.radius = spec.radius
        self.channels = spec.channels
        self.multiplier = multiplier_of(options.depth)
        self.device = device
        self.options = options
        self.exposure = options.exposure
        self.moves_chroma = options.chroma == "flow"
        self._spec = spec
        fitted = FittedNetwork(
            network,
            tile=tile,
            receptive_radius=spec.receptive_radius,
            multiple_of=spec.multiple_of,
            values_per_pixel=spec.values_per_pixel,
            tile_network=tile_network,
        )
        self._run = AugmentedNetwork(
            fitted, options.tta, order_is_free=True, most_at_once=fitted.most_at_once
        )
        self._is_residual = adds_middle_frame
        # One frame at a time uses all cores; several at once only get in each other's way.
        self._lock = Lock()
        self._cores = torch.get_num_threads()

    @torch.inference_mode()
    def run(
        self,
        window: Tensor,
        size: tuple[int, int],
        number: int = 0,
        known: KnownWindow | None = None,
    ) -> Outcome:
        """The moments of the middle frame, in order; see `Restorer.run`.

        Beyond depth 1 each neighbouring pair of moments is averaged and opened in turn (section
        4.3). All moments lie inside the exposure.

        Args:
            window: (3, 1, H, W). A neighbour equal to the middle frame, as at the ends of a scene,
                counts as missing.
            size: H and W.
            number: The middle frame's number; of no effect.
            known: Of no effect.

        Raises:
            OptionError: Tiles are too small for the model.
        """
        before, middle, after = window
        with self._lock, num_threads(self._cores):
            moments = self._opened(middle)
            if self.options.order:
                moments = turned(moments, _unlike(middle, before), _unlike(middle, after))
            for _ in range(1, self.options.depth):
                moments = torch.cat([self._between(a, b) for a, b in pairwise(moments)])
        return Outcome(moments)

    def _between(self, start: Tensor, end: Tensor) -> Tensor:
        """The moments from one to the next, which also say which way they run."""
        return turned(self._opened((start + end) / 2), start, end)

    def _opened(self, blurred: Tensor) -> Tensor:
        """The network's moments: (1, H, W) in [0, 1] -> (7, 1, H, W) in [0, 1]."""
        height, width = blurred.shape[-2:]
        output = self._run(pad_by_reflection(blurred[None], self._spec.multiple_of))
        moments = output[0, :, None, :height, :width].float()
        # The sum is taken in float32: half precision would show as bands in a gradient.
        return (moments + blurred).clamp_(0, 1) if self._is_residual else moments.clamp(0, 1)


def _unlike(middle: Tensor, neighbour: Tensor) -> Tensor | None:
    """A neighbour, or None if it is the middle frame once more."""
    return None if torch.equal(middle, neighbour) else neighbour


def make_sequence(
    loaded: LoadedModel,
    tile: tuple[int, int] | None,
    **options: Any,  # noqa: ANN401
) -> SequenceRestorer:
    """The filter's algorithm; see `RestorerFactory`. Options are those of `SequenceOptions`."""
    return SequenceRestorer(
        loaded.networks[""],
        loaded.spec,
        loaded.device,
        tile,
        SequenceOptions(**options),
        adds_middle_frame=loaded.adds_middle_frame,
        tile_network=loaded.tile_network,
    )
