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
from .coding import block_coded

__all__ = ["video_coded"]

log = logging.getLogger("vsdeblur")

CRF = (18.0, 34.0)
"""Constant rate factor of x264: least and most; its default is 23."""


def video_coded(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Code the blurred frames of windows as H.264, at a rate factor drawn for each window.

    Half of the windows are coded as clips of their own, and half after a few frames more (their
    own, played backwards), so that their first frame is one among others. The sharp partners stay
    as they are; see the package, whose one draw this is that is done by the CPU: about 5 ms for a
    window of 5 frames of 128x128. On other devices, and where x264 is missing, windows are coded in
    blocks in its place (`block_coded`), which is said once.
    """
    reason = _obstacle(blurred.device.type)
    if reason:
        return block_coded(blurred, sharp, share, generator)
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, len(blurred), share)
    if chosen.num == 0:
        return blurred, sharp
    factors = draw.uniform(*CRF, chosen.num).tolist()
    leads = (draw.uniform(0, 1, chosen.num) < 0.5).tolist()
    height, width = blurred.shape[-2:]
    even = F.pad(chosen.of(blurred).float(), (0, width % 2, 0, height % 2), mode="replicate")
    codes = (even.clamp(0, 1) * 255).round().byte().numpy()
    clips = [
        _coded(window, crf, leads=lead)
        for window, crf, lead in zip(codes, factors, leads, strict=True)
    ]
    windows = torch.from_numpy(np.stack(clips)).float() / 255
    return chosen.amend(blurred, windows[..., :height, :width]), sharp


def _coded(frames: NDArray[np.uint8], crf: float, *, leads: bool) -> NDArray[np.uint8]:
    """A window, (T, H, W), by itself or led to."""
    lead = frames[:0:-1] if leads else frames[:0]
    clip = coded(np.concatenate([lead, frames]), crf)
    return clip[len(lead) :]


@lru_cache
def _obstacle(device: str) -> str:
    """What stands in the way of video coding, or nothing; it is told once."""
    if device != "cpu":
        reason = f"windows are on {device!r}, and only the CPU codes video"
    elif not can_code():
        reason = "PyAV is missing or has no x264 (pip install av)"
    else:
        return ""
    log.warning("training windows are coded in blocks in place of H.264: %s", reason)
    return reason
