"""A sample on its way through a restorer, as the 8-bit pictures that are compared and shown."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
from torch import Tensor

from ..restorers import Restorer
from ..train.losses import luma_psnr
from .metrics import Quality, luma_of, qualities, to_8bit, with_luma
from .scores import mean_figures, quality_figures
from .sets import Sample

__all__ = ["FramePictures", "Pictures", "frame_figures", "restore_sample"]


class Pictures(NamedTuple):
    """Moments of one exposure, one of them unless the filter makes more; 8 bit.

    Whole numbers in [0, 255] as float32, on the restorer's device.
    """

    luma: Tensor
    """(M, 1, H, W)."""
    rgb: Tensor | None
    """(M, 3, H, W); None where the set is luma only."""

    @classmethod
    def of(cls, frames: Tensor) -> Pictures:
        """From (M, C, H, W) in [0, 1]; C is 1 (luma) or 3 (RGB)."""
        if frames.shape[1] == 1:
            return cls(to_8bit(frames), None)
        rgb = to_8bit(frames)
        return cls(luma_of(rgb).round(), rgb)

    def flipped(self) -> Pictures:
        """The moments in the other order."""
        return Pictures(self.luma.flip(0), None if self.rgb is None else self.rgb.flip(0))


class FramePictures(NamedTuple):
    """What one blurred frame was, became, and should have become."""

    blurred: Pictures
    restored: Pictures
    sharp: Pictures


def restore_sample(restorer: Restorer, sample: Sample) -> tuple[FramePictures, float]:
    """Restore a sample as the filters do.

    A luma restorer gets BT.601 luma; Cb and Cr of the result are the input's. Of several moments
    the order is turned where that raises the mean luma PSNR: a single blurred frame does not tell
    which way time ran.

    Returns:
        The pictures, and the seconds that the restorer's call took.
    """
    window = sample.window.to(restorer.device).float() / 255  # (T, C, H, W)
    sharp = Pictures.of(sample.sharp.to(restorer.device).float() / 255)
    middle = window[restorer.radius]
    is_luma = restorer.channels == 1
    given = luma_of(window) if is_luma and window.shape[1] == 3 else window
    output, seconds = _timed(restorer, given)
    restored = Pictures.of(output)
    if is_luma and window.shape[1] == 3:
        rgb = with_luma(middle.expand(len(output), -1, -1, -1), output)
        restored = Pictures(restored.luma, to_8bit(rgb))
    blurred = Pictures.of(middle[None])
    return FramePictures(blurred, _in_better_order(restored, sharp), sharp), seconds


def frame_figures(frame: FramePictures) -> dict[str, float]:
    """PSNR and SSIM of the blurred and the restored frame, the mean over its moments."""
    pairs = [("luma", frame.blurred.luma, frame.restored.luma, frame.sharp.luma)]
    if frame.blurred.rgb is not None:
        assert frame.restored.rgb is not None
        assert frame.sharp.rgb is not None
        pairs.append(("rgb", frame.blurred.rgb, frame.restored.rgb, frame.sharp.rgb))
    figures: dict[str, float] = {}
    for channels, blurred, restored, sharp in pairs:
        moments = len(sharp)
        both = torch.cat([blurred.expand(moments, -1, -1, -1), restored])
        scores = qualities(both, torch.cat([sharp, sharp]))
        figures |= _mean("input", channels, scores[:moments])
        figures |= _mean("restored", channels, scores[moments:])
    return figures


def _mean(state: str, channels: str, scores: list[Quality]) -> dict[str, float]:
    return mean_figures([quality_figures(state, channels, quality) for quality in scores])


def _in_better_order(restored: Pictures, sharp: Pictures) -> Pictures:
    if len(restored.luma) == 1:
        return restored
    turned = restored.flipped()
    forth, back = (luma_psnr(p.luma / 255, sharp.luma / 255).mean() for p in (restored, turned))
    return restored if forth >= back else turned


def _timed(restorer: Restorer, window: Tensor) -> tuple[Tensor, float]:
    _wait_for(restorer.device)
    start = time.perf_counter()
    output = restorer.restore(window)
    _wait_for(restorer.device)
    return output, time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":  # calls return before the work is done
        torch.cuda.synchronize(device)
