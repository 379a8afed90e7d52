"""DBLRGAN (paper 001): five neighbouring luma frames in, the restored middle frame out."""

from __future__ import annotations

from threading import Lock

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models import ModelSpec
from ..runtime.network import Network
from ..runtime.tiling import run_tiled
from .base import refuse_non_numbers

__all__ = ["WindowRestorer"]


class WindowRestorer:
    """Restores the middle frame of a window with one run of a network.

    Args:
        network: The compiled network, in the model's inference form.
        spec: The model's facts.
        device: Where the network runs.
        tile: Width and height of tiles in pixels; None = whole frames.
        adds_middle_frame: Whether the network's output is a residual.
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
    ) -> None:
        self.radius = spec.radius
        self.channels = spec.channels
        self.device = device
        self._network = network
        self._spec = spec
        self._tile = tile
        self._adds_middle_frame = adds_middle_frame
        # One frame at a time uses all cores; several at once only get in each other's way.
        self._lock = Lock()

    @torch.inference_mode()
    def restore(self, window: Tensor, number: int = 0) -> Tensor:
        """Restore the middle frame; see `Restorer.restore`.

        Raises:
            DeblurError: The network gave a number that is none.
        """
        middle = window[self.radius]
        frames = window.clamp(0, 1).transpose(0, 1)  # (T, 1, H, W) -> (1, T, H, W)
        output = self._run(_padded(frames, self._spec.multiple_of))
        output = output[0, :, : window.shape[-2], : window.shape[-1]].float()
        refuse_non_numbers(output)
        # The sum is taken in float32: half precision would show as bands in a gradient.
        clamped = middle.clamp(0, 1)
        restored = (output + clamped if self._adds_middle_frame else output).clamp(0, 1)
        # Blacks and whites beyond the nominal range are kept, not cut off.
        return (restored + (middle - clamped)).unsqueeze(0)

    def _run(self, frames: Tensor) -> Tensor:
        with self._lock:
            if self._tile is None:
                return self._network(frames)
            return run_tiled(
                self._network,
                frames,
                tile=self._tile,
                receptive_radius=self._spec.receptive_radius,
                multiple_of=self._spec.multiple_of,
            )


def _padded(frames: Tensor, multiple_of: int) -> Tensor:
    """Repeat the bottom and right edge until height and width divide by `multiple_of`."""
    height, width = frames.shape[-2:]
    return F.pad(frames, (0, -width % multiple_of, 0, -height % multiple_of), mode="replicate")
