"""DBLRGAN (paper 001): five neighbouring luma frames in, the restored middle frame out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from ..models import ModelSpec
from ..runtime.augmented import AugmentedNetwork
from ..runtime.fitting import FittedNetwork
from ..runtime.network import Network
from .base import KnownWindow, Outcome, Restorer
from .black_bars import inside_bars
from .frame_measures import FrameMeasures, cell_means, measure_frame
from .loaded_model import LoadedModel
from .needed_part import NeededPart
from .sharpness import Sharpness, judge_sharpness
from .window_guard import apply_plan, plan_window

__all__ = ["DBLRGANOptions", "WindowRestorer", "make_dblrgan"]


@dataclass(frozen=True, kw_only=True)
class DBLRGANOptions:
    """What is made of a window. Ranges: the manifest; but for `num_streams`, off by default."""

    guard: bool = False
    """Whether neighbours that do not belong to the middle frame are relit or replaced, and black
    bars stay as they are."""
    skip_sharp: str = "off"
    """What passes as it is: "off" = nothing; "clean" = what is sharp and has no noise; "all" = what
    is sharp."""
    strength: float = 1.0
    """0 = the input, 1 = the restored frame, between them a blend."""
    tta: int = 1
    """Copies of a window that are restored: 1, 4 or 8; see `AugmentedNetwork`."""
    num_streams: int = 1
    """Frames that a GPU may work on at once."""


class WindowRestorer(Restorer):
    """Restores the middle frame of a window with one run of a network.

    Args:
        network: The compiled network, in the model's inference form.
        spec: The model's facts.
        device: Where the network runs.
        tile: Width and height of tiles in pixels; None = whole frames where they fit into memory.
        options: What to make.
        adds_middle_frame: Whether the network's output is a residual.
        frame_type: Precision in which the network takes frames.
    """

    def __init__(
        self,
        network: Network,
        spec: ModelSpec,
        device: torch.device,
        tile: tuple[int, int] | None = None,
        options: DBLRGANOptions = DBLRGANOptions(),
        *,
        adds_middle_frame: bool,
        frame_type: torch.dtype = torch.float32,
    ) -> None:
        self.radius = spec.radius
        self.channels = spec.channels
        self.device = device
        self.options = options
        self.frame_type = frame_type
        self.num_streams = options.num_streams
        fitted = FittedNetwork(
            network,
            tile=tile,
            receptive_radius=spec.receptive_radius,
            multiple_of=spec.multiple_of,
            values_per_pixel=spec.values_per_pixel,
        )
        self._network = AugmentedNetwork(
            fitted, options.tta, reverses_time=True, most_at_once=fitted.most_at_once
        )
        self._spec = spec
        self._is_residual = adds_middle_frame
        blends = options.skip_sharp != "off" or options.strength != 1
        # What is blended is the change: where there is none, the input stays to the last bit.
        self.adds_middle_frame = adds_middle_frame or blends
        # One frame at a time uses all cores; several at once only get in each other's way. On a
        # GPU what is locked is giving it its work, not the work.
        self._lock = Lock()

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """What the network takes; see `Restorer.prepared_size`."""
        return height + -height % self._spec.multiple_of, width + -width % self._spec.multiple_of

    def complete(self, frame: Tensor, height: int, width: int) -> None:
        """Repeat the bottom and right edge; see `Restorer.complete`."""
        frame[:, :height, width:] = frame[:, :height, width - 1 : width]
        frame[:, height:] = frame[:, height - 1 : height]

    def summarize(self, frame: Tensor, height: int, width: int) -> Tensor | None:
        """What the guard compares, and what sharpness is judged by; see `Restorer.summarize`."""
        if self.options.skip_sharp != "off":
            return measure_frame(frame[0, :height, :width])
        return cell_means(frame[0, :height, :width])[None] if self.options.guard else None

    @torch.inference_mode()
    def run(
        self,
        window: Tensor,
        size: tuple[int, int],
        number: int = 0,
        known: KnownWindow | None = None,
    ) -> Outcome:
        """See `Restorer.run`; the number is of no effect.

        Where the guard changes the window, the fact `window` says how: `WindowPlan.numbers`. Where
        sharpness is judged, the fact `sharpness` is its `share`.
        """
        facts: dict[str, Any] = {}
        summaries = self._summaries(window, size, known)
        middle = window[self.radius, 0, : size[0], : size[1]]
        part = None
        if self.options.skip_sharp != "off":
            sharpness = self._judged(summaries)
            facts["sharpness"] = sharpness.share
            passing = sharpness.passing(noisy=self.options.skip_sharp == "all")
            if passing.all():
                return Outcome(middle[None, None], facts, untouched=True)
            if passing.any():
                prepared = (window.shape[-2], window.shape[-1])
                margin = self._spec.receptive_radius
                part = NeededPart.of(passing, size, prepared, margin, self.device)
        if self.options.strength == 0:
            return Outcome(middle[None, None], facts, untouched=True)
        frames = window[:, 0]
        if self.options.guard:
            offsets = known.offsets if known is not None else None
            plan = plan_window([summary[0].numpy() for summary in summaries], offsets)
            frames = apply_plan(plan, frames)
            facts |= {} if plan.changes_nothing else {"window": plan.numbers}
        return Outcome(self._restored(frames, middle, part), facts)

    def _restored(self, frames: Tensor, middle: Tensor, part: NeededPart | None) -> Tensor:
        """What becomes of a window, (T, h, w), the middle frame of which is (H, W)."""
        height, width = middle.shape
        seen = frames if part is None else part.of_frames(frames)
        with self._lock:
            pictures = self._network(seen[None])
        if self.adds_middle_frame and not self._is_residual:
            pictures = pictures.float() - seen[self.radius].float()
        pictures = pictures[..., :height, :width] if part is None else part.laid_out(pictures)
        if self.options.guard:
            pictures = self._beside_bars(pictures, middle)
        return pictures if self.options.strength == 1 else pictures.float() * self.options.strength

    def _summaries(
        self, window: Tensor, size: tuple[int, int], known: KnownWindow | None
    ) -> list[Tensor]:
        """What `summarize` gives of each frame, on the CPU."""
        if known is not None:
            return list(known.summaries)
        made = [self.summarize(frame, *size) for frame in window]
        return [summary.cpu() for summary in made if summary is not None]

    def _judged(self, summaries: Sequence[Tensor]) -> Sharpness:
        measures = {id(summary): FrameMeasures.of(summary) for summary in summaries}
        return judge_sharpness([measures[id(summary)] for summary in summaries])

    def _beside_bars(self, pictures: Tensor, middle: Tensor) -> Tensor:
        """What the network gave, but for black bars, which stay."""
        inside = inside_bars(middle)
        if inside is None:
            return pictures
        return torch.where(inside, pictures, 0 if self.adds_middle_frame else middle)


def make_dblrgan(
    loaded: LoadedModel,
    tile: tuple[int, int] | None,
    **options: Any,  # noqa: ANN401
) -> WindowRestorer:
    """The filter's algorithm; see `RestorerFactory`. Options are those of `DBLRGANOptions`."""
    return WindowRestorer(
        loaded.networks[""],
        loaded.spec,
        loaded.device,
        tile,
        DBLRGANOptions(**options),
        adds_middle_frame=loaded.adds_middle_frame,
        frame_type=loaded.dtype,
    )
