"""Coding as video: the frames of a window share what H.264 leaves of them."""

from __future__ import annotations

import logging
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...data.h264 import can_code, coded
from ..synthesis.camera import Draw
from .chance import Chosen
from .video_outline import coded_in_outline

__all__ = ["video_coded"]

log = logging.getLogger("vsdeblur")

CRF = (18.0, 34.0)
"""Constant rate factor of x264: least and most; its default is 23."""
LEAD = 2
"""Frames before a window."""
FINER = 3.0
"""How much lower than the factor the quantiser of a clip's first frame is."""


def video_coded(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Code the blurred frames of windows as H.264, at a rate factor drawn for each window.

    On a CPU x264 does it, 5 ms for a window of 5 frames of 128x128: half of the windows as clips of
    their own with its preset medium, and half with veryfast after two frames more (their own,
    played backwards), so that their first one has been predicted too. On other devices, and where
    x264 is missing (which is said once), it is done in outline, on tensors, half of the windows
    from their last frame to their first. The sharp partners stay as they are; see the package.
    """
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, len(blurred), share)
    if chosen.num == 0:
        return blurred, sharp
    factors = draw.uniform(*CRF, chosen.num)
    is_other = draw.uniform(0, 1, chosen.num) < 0.5
    by_codec = blurred.device.type == "cpu" and _has_codec()
    code = _by_codec if by_codec else _in_outline
    return chosen.amend(blurred, code(chosen.of(blurred).float(), factors, is_other)), sharp


def _by_codec(windows: Tensor, factors: Tensor, leads: Tensor) -> Tensor:
    """Windows, (n, T, H, W), coded by x264."""
    height, width = windows.shape[-2:]
    even = F.pad(windows, (0, width % 2, 0, height % 2), mode="replicate")
    codes = (even.clamp(0, 1) * 255).round().byte().numpy()
    clips = [
        _coded(window, factor, leads=lead)
        for window, factor, lead in zip(codes, factors.tolist(), leads.tolist(), strict=True)
    ]
    return torch.from_numpy(np.stack(clips)).float()[..., :height, :width] / 255


def _in_outline(windows: Tensor, factors: Tensor, turned: Tensor) -> Tensor:
    """The same without a codec."""
    turned = turned[:, None, None, None]
    forth = torch.where(turned, windows.flip(1), windows)
    done = coded_in_outline(forth, factors - FINER)
    return torch.where(turned, done.flip(1), done)


def _coded(frames: NDArray[np.uint8], crf: float, *, leads: bool) -> NDArray[np.uint8]:
    """A window, (T, H, W), by itself or led to."""
    if not leads:
        return coded(frames, crf)
    lead = frames[LEAD:0:-1]
    return coded(np.concatenate([lead, frames]), crf, preset="veryfast")[len(lead) :]


@lru_cache
def _has_codec() -> bool:
    """Whether x264 is there; that it is not is told once."""
    if can_code():
        return True
    log.warning(
        "training windows are coded as H.264 in outline: PyAV is missing or has no x264 (pip "
        "install av)"
    )
    return False
