"""DBLRGAN (paper 001): five neighbouring luma frames in, the restored middle frame out."""

from __future__ import annotations

from threading import Lock

import torch
from torch import Tensor

from ..models import ModelSpec
from ..runtime.augmented import AugmentedNetwork
from ..runtime.fitting import FittedNetwork
from ..runtime.network import Network
from .base import KnownWindow, Outcome, Restorer
from .black_bars import inside_bars
from .loaded_model import LoadedModel
from .window_guard import WindowPlan, apply_plan, cell_means, plan_window

__all__ = ["WindowRestorer", "make_dblrgan"]


class WindowRestorer(Restorer):
    """Restores the middle frame of a window with one run of a network.

    Args:
        network: The compiled network, in the model's inference form.
        spec: The model's facts.
        device: Where the network runs.
        tile: Width and height of tiles in pixels; None = whole frames where they fit into memory.
        adds_middle_frame: Whether the network's output is a residual.
        frame_type: Precision in which the network takes frames.
        num_streams: Frames that a GPU may work on at once.
        guard: Whether neighbours that do not belong to the middle frame are relit or replaced, and
            black bars stay as they are.
        tta: Copies of a window that are restored: 1, 4 or 8; see `AugmentedNetwork`.
    """

    def __init__(
        self,
        network: Network,
        spec: ModelSpec,
        device: torch.device,
        tile: tuple[int, int] | None = None,
        *,
        adds_middle_frame: bool,
        frame_type: torch.dtype = torch.float32,
        num_streams: int = 1,
        guard: bool = False,
        tta: int = 1,
    ) -> None:
        self.radius = spec.radius
        self.channels = spec.channels
        self.device = device
        self.frame_type = frame_type
        self.num_streams = num_streams
        fitted = FittedNetwork(
            network,
            tile=tile,
            receptive_radius=spec.receptive_radius,
            multiple_of=spec.multiple_of,
            values_per_pixel=spec.values_per_pixel,
        )
        self._network = AugmentedNetwork(
            fitted, tta, reverses_time=True, most_at_once=fitted.most_at_once
        )
        self._multiple_of = spec.multiple_of
        self._guard = guard
        self.adds_middle_frame = adds_middle_frame
        # One frame at a time uses all cores; several at once only get in each other's way. On a
        # GPU what is locked is giving it its work, not the work.
        self._lock = Lock()

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """What the network takes; see `Restorer.prepared_size`."""
        return height + -height % self._multiple_of, width + -width % self._multiple_of

    def complete(self, frame: Tensor, height: int, width: int) -> None:
        """Repeat the bottom and right edge; see `Restorer.complete`."""
        frame[:, :height, width:] = frame[:, :height, width - 1 : width]
        frame[:, height:] = frame[:, height - 1 : height]

    def summarize(self, frame: Tensor, height: int, width: int) -> Tensor | None:
        """What the guard compares; see `Restorer.summarize`."""
        return cell_means(frame[0, :height, :width]) if self._guard else None

    @torch.inference_mode()
    def run(
        self,
        window: Tensor,
        size: tuple[int, int],
        number: int = 0,
        known: KnownWindow | None = None,
    ) -> Outcome:
        """See `Restorer.run`; the number is of no effect.

        Where the guard changes the window, the fact `window` says how: `WindowPlan.numbers`.
        """
        height, width = size
        frames, facts = window[:, 0], {}
        if self._guard:
            plan = self._planned(window, size, known)
            frames = apply_plan(plan, frames)
            facts = {} if plan.changes_nothing else {"window": plan.numbers}
        with self._lock:
            pictures = self._network(frames[None])[..., :height, :width]
        if self._guard:
            pictures = self._beside_bars(pictures, window[self.radius, 0, :height, :width])
        return Outcome(pictures, facts)

    def _beside_bars(self, pictures: Tensor, middle: Tensor) -> Tensor:
        """What the network gave, but for black bars, which stay."""
        inside = inside_bars(middle)
        if inside is None:
            return pictures
        return torch.where(inside, pictures, 0 if self.adds_middle_frame else middle)

    def _planned(
        self, window: Tensor, size: tuple[int, int], known: KnownWindow | None
    ) -> WindowPlan:
        if known is not None:
            return plan_window([cells.numpy() for cells in known.summaries], known.offsets)
        return plan_window([cell_means(f[0, : size[0], : size[1]]).cpu().numpy() for f in window])


def make_dblrgan(
    loaded: LoadedModel,
    tile: tuple[int, int] | None,
    *,
    guard: bool = True,
    tta: int = 1,
    num_streams: int = 1,
) -> WindowRestorer:
    """The filter's algorithm; see `RestorerFactory`."""
    return WindowRestorer(
        loaded.networks[""],
        loaded.spec,
        loaded.device,
        tile,
        adds_middle_frame=loaded.adds_middle_frame,
        frame_type=loaded.dtype,
        num_streams=num_streams,
        guard=guard,
        tta=tta,
    )
