"""A sample on its way through a restorer, as the 8-bit pictures that are compared and shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.psnr import luma_psnr
from ..restorers import Restorer
from .evaluation_task import EvaluationTask
from .metrics.fidelity import luma_of, qualities, to_8bit, with_luma
from .metrics.motion import motion_figures
from .scores import Figures, mean_figures, quality_figures
from .sets.samples import Sample

__all__ = ["FramePictures", "Pictures", "RestoredSample", "frame_figures", "restore_sample"]


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


class RestoredSample(NamedTuple):
    """A sample, restored."""

    pictures: FramePictures
    intermediates: Mapping[str, Pictures]
    """What it was at each of the `EvaluationTask.intermediates`."""
    figures: Figures
    """How it was restored, by `EvaluationTask.restore`; and how its moments move."""
    seconds: float
    """Time of the call that restored it; the intermediate results are not in it."""


def restore_sample(restorer: Restorer, task: EvaluationTask, sample: Sample) -> RestoredSample:
    """Restore a sample as the filters do.

    A luma restorer gets BT.601 luma; Cb and Cr of the result are the input's. Of several moments
    the order is turned where that raises the mean luma PSNR: a single blurred frame does not tell
    which way time ran.

    Args:
        restorer: The filter's algorithm.
        task: What runs it, and what else is scored.
        sample: For a restorer of this radius and multiplier.
    """
    window = sample.window.to(restorer.device).float() / 255  # (T, C, H, W)
    sharp = Pictures.of(sample.sharp.to(restorer.device).float() / 255)
    middle = window[restorer.radius]
    is_luma = restorer.channels == 1
    given = luma_of(window) if is_luma and window.shape[1] == 3 else window
    (output, figures), seconds = _timed(restorer.device, lambda: task.restore(given))
    intermediates = {name: each.restore(given) for name, each in task.intermediates.items()}
    restored = _pictures(output, middle, sharp)
    if len(output) > 1:
        luma = Pictures.of(output).luma
        figures = {**figures, **motion_figures(luma, restored.luma, sharp.luma, sample.flow)}
    return RestoredSample(
        FramePictures(Pictures.of(middle[None]), restored, sharp),
        {name: _pictures(each, middle, sharp) for name, each in intermediates.items()},
        figures,
        seconds,
    )


def frame_figures(frame: FramePictures, intermediates: Mapping[str, Pictures]) -> dict[str, float]:
    """PSNR and SSIM of the blurred frame, of the intermediate results and of the restored one.

    Of several moments each figure is the mean.
    """
    states = {"input": frame.blurred, **intermediates, "restored": frame.restored}
    figures: dict[str, float] = {}
    for channels, sharp in frame.sharp._asdict().items():
        if sharp is None:
            continue
        for state, pictures in states.items():
            shown = getattr(pictures, channels).expand(len(sharp), -1, -1, -1)
            scores = qualities(shown, sharp)
            figures |= mean_figures([quality_figures(state, channels, one) for one in scores])
    return figures


def _pictures(output: Tensor, middle: Tensor, sharp: Pictures) -> Pictures:
    """A restorer's output, (M, C, H, W), as pictures; `middle` is the frame it is of."""
    restored = Pictures.of(output)
    if output.shape[1] == 1 and len(middle) == 3:
        rgb = with_luma(middle.expand(len(output), -1, -1, -1), output)
        restored = Pictures(restored.luma, to_8bit(rgb))
    return _in_better_order(restored, sharp)


def _in_better_order(restored: Pictures, sharp: Pictures) -> Pictures:
    if len(restored.luma) == 1:
        return restored
    turned = restored.flipped()
    forth, back = (luma_psnr(p.luma / 255, sharp.luma / 255).mean() for p in (restored, turned))
    return restored if forth >= back else turned


def _timed[Result](device: torch.device, call: Callable[[], Result]) -> tuple[Result, float]:
    _wait_for(device)
    start = time.perf_counter()
    result = call()
    _wait_for(device)
    return result, time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":  # calls return before the work is done
        torch.cuda.synchronize(device)
