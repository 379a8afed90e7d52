"""The contract in the middle: what every front end may ask of a filter's algorithm."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import DeblurError

__all__ = ["KnownWindow", "Outcome", "Restorer", "refuse_non_finite", "refuse_non_finite_sum"]


@dataclass(frozen=True)
class Outcome:
    """What `Restorer.run` made of a window, before `Restorer.finish`."""

    pictures: Tensor
    """(multiplier, channels, H, W), float; one channel where a picture is grey."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it came about, by what the restorer's class calls it."""
    untouched: bool = False
    """Whether the middle frame passes as it came: then it is all that `pictures` holds."""


class KnownWindow(NamedTuple):
    """What is known of a window's frames before it is run."""

    offsets: Sequence[int]
    """Which frames they are, as offsets from the middle one: next to a cut some come twice."""
    summaries: Sequence[Tensor]
    """What `Restorer.summarize` gave of each, on the CPU."""


class Restorer(ABC):
    """Restores frames; knows tensors only, no clip and no file. Safe to call from any thread.

    `restore` does it all. Its steps can be had one by one, so that a frame is prepared once
    whatever windows it is in, and finished row by row: every frame, clamped to [0, 1], is
    `complete`d; the window is `run`; `finish` makes the restored pictures.
    """

    radius: int
    """Temporal radius: frames needed on each side of the one being restored."""
    multiplier: int = 1
    """Frames out per frame in."""
    channels: int
    """1: luma only; 3: RGB."""
    device: torch.device
    """Where windows must be."""
    frame_type: torch.dtype = torch.float32
    """What prepared frames are made of."""
    num_streams: int = 1
    """Frames that a GPU may work on at once."""
    adds_middle_frame: bool = False
    """Whether `finish` adds the middle frame to what `run` gives."""
    exposure: float = 1.0
    """Part of the frame interval over which several pictures are spread, above 0, at most 1."""
    moves_chroma: bool = False
    """Of several pictures of luma: whether chroma moves with it; otherwise it stays as it is."""

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a prepared frame, at least those of the frame itself."""
        return height, width

    def complete(self, frame: Tensor, height: int, width: int) -> None:  # noqa: B027
        """Fill a prepared frame, (channels, h, w), beyond the frame's own height and width."""

    def summarize(self, frame: Tensor, height: int, width: int) -> Tensor | None:
        """What `run` decides by before it runs, made once for each frame; None = nothing.

        Args:
            frame: (channels, h, w), prepared.
            height: Of the frame itself.
            width: Of the frame itself.

        Returns:
            A small tensor, on `device`.
        """
        return None

    @abstractmethod
    def run(
        self,
        window: Tensor,
        size: tuple[int, int],
        number: int = 0,
        known: KnownWindow | None = None,
    ) -> Outcome:
        """Run the networks over a window.

        Args:
            window: (2 * radius + 1, channels, h, w), prepared frames, on `device`.
            size: Height H and width W of the frames themselves.
            number: The middle frame's number, from 0: where noise is asked for, it seeds it.
            known: What `summarize` gave of the frames; None = it is asked now, if it is needed.
        """

    def finish(self, pictures: Tensor, middle: Tensor | None, *, exceeds: bool = True) -> Tensor:
        """Make restored pictures of what `run` gave: all of them, or some rows.

        Args:
            pictures: (..., rows, W), float32; they are overwritten.
            middle: (..., rows, W), float32, the middle frame as it came; it is overwritten. None
                = it neither exceeds [0, 1] nor is to be added.
            exceeds: Whether the middle frame may lie beyond [0, 1].

        Returns:
            (..., rows, W), float32. Where the input lies beyond [0, 1], so may the output.
        """
        inside = middle.clamp(0, 1) if middle is not None and exceeds else middle
        if self.adds_middle_frame and inside is not None:
            # The sum is taken in float32: half precision would show as bands in a gradient.
            pictures.add_(inside)
        pictures.clamp_(0, 1)
        if exceeds and middle is not None and inside is not None:
            # Blacks and whites beyond the nominal range are kept, not cut off.
            pictures.add_(middle.sub_(inside))
        return pictures

    @torch.inference_mode()
    def restore(self, window: Tensor, number: int = 0) -> Tensor:
        """Restore the middle frame of a window.

        Args:
            window: (2 * radius + 1, channels, H, W), float32, gamma-encoded, nominally in
                [0, 1], on `device`.
            number: The middle frame's number, from 0: where noise is asked for, it seeds it.

        Returns:
            (multiplier, channels, H, W), float32, on `device`. Where the input lies beyond
            [0, 1], so may the output.

        Raises:
            DeblurError: The network gave a value that is NaN or infinite.
            OptionError: Tiles are too small for the model.
        """
        pictures = self.run(self._prepared(window), (window.shape[-2], window.shape[-1]), number)
        if pictures.untouched:
            return window[self.radius, None].clone()
        output = refuse_non_finite(pictures.pictures.float()).clone()
        middle = window[self.radius].expand(len(output), -1, -1, -1)[:, : output.shape[1]]
        return self.finish(output, middle.clone()).expand(-1, self.channels, -1, -1)

    def _prepared(self, window: Tensor) -> Tensor:
        length, channels, height, width = window.shape
        frames = torch.empty(
            length, channels, *self.prepared_size(height, width),
            dtype=self.frame_type, device=self.device,
        )  # fmt: skip
        frames[..., :height, :width] = window.clamp(0, 1)
        for frame in frames:
            self.complete(frame, height, width)
        return frames


def refuse_non_finite(output: Tensor) -> Tensor:
    """Return a network's output as it is.

    Raises:
        DeblurError: A value in it is NaN or infinite.
    """
    # The sum of finite numbers is finite unless they are huge, and takes a fiftieth of the time.
    if not math.isfinite(float(output.sum(dtype=torch.float32))) and not bool(
        output.isfinite().all()
    ):
        refuse_non_finite_sum(math.nan)
    return output


def refuse_non_finite_sum(total: float) -> None:
    """Refuse an output by the sum of its values.

    Raises:
        DeblurError: It is NaN or infinite.
    """
    if not math.isfinite(total):
        raise DeblurError(
            "the network gave a value that is NaN or infinite; use precision='fp32', and check "
            "that the clip itself holds none"
        )
