"""DBLRGAN (paper 001): five neighbouring luma frames in, the restored middle frame out."""

from __future__ import annotations

from threading import Lock

import torch
from torch import Tensor

from ..models import ModelSpec
from ..runtime.fitting import FittedNetwork
from ..runtime.network import Network
from .base import finish_luma, refuse_non_finite
from .loaded_model import LoadedModel

__all__ = ["WindowRestorer", "make_dblrgan"]


class WindowRestorer:
    """Restores the middle frame of a window with one run of a network; a `LumaRestorer`.

    Args:
        network: The compiled network, in the model's inference form.
        spec: The model's facts.
        device: Where the network runs.
        tile: Width and height of tiles in pixels; None = whole frames where they fit into memory.
        adds_middle_frame: Whether the network's output is a residual.
        frame_type: Precision in which the network takes frames.
        num_streams: Frames that a GPU may work on at once.
    """

    multiplier = 1

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
    ) -> None:
        self.radius = spec.radius
        self.channels = spec.channels
        self.device = device
        self.frame_type = frame_type
        self.num_streams = num_streams
        self._network = FittedNetwork(
            network,
            tile=tile,
            receptive_radius=spec.receptive_radius,
            multiple_of=spec.multiple_of,
            values_per_pixel=spec.values_per_pixel,
        )
        self._multiple_of = spec.multiple_of
        self.adds_middle_frame = adds_middle_frame
        # One frame at a time uses all cores; several at once only get in each other's way. On a
        # GPU what is locked is giving it its work, not the work.
        self._lock = Lock()

    @torch.inference_mode()
    def restore(self, window: Tensor, number: int = 0) -> Tensor:
        """Restore the middle frame; see `Restorer.restore`.

        Raises:
            DeblurError: The network gave a value that is NaN or infinite.
        """
        height, width = window.shape[-2:]
        size = self.prepared_size(height, width)
        frames = torch.empty(len(window), *size, dtype=self.frame_type, device=self.device)
        frames[:, :height, :width] = window[:, 0].clamp(0, 1)
        for frame in frames:
            self.complete(frame, height, width)
        output = refuse_non_finite(self.run(frames)[:height, :width].float())
        middle = window[self.radius, 0].clone()
        restored = finish_luma(
            output.clone(),
            middle,
            torch.empty_like(middle),
            adds_middle_frame=self.adds_middle_frame,
        )
        return restored[None, None]

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """What the network takes; see `LumaRestorer.prepared_size`."""
        return height + -height % self._multiple_of, width + -width % self._multiple_of

    def complete(self, frame: Tensor, height: int, width: int) -> None:
        """Repeat the bottom and right edge; see `LumaRestorer.complete`."""
        frame[:height, width:] = frame[:height, width - 1 : width]
        frame[height:] = frame[height - 1]

    @torch.inference_mode()
    def run(self, frames: Tensor) -> Tensor:
        """See `LumaRestorer.run`."""
        with self._lock:
            return self._network(frames.unsqueeze(0))[0, 0]


def make_dblrgan(
    loaded: LoadedModel, tile: tuple[int, int] | None, *, num_streams: int = 1
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
    )
