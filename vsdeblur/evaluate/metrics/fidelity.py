"""PSNR and SSIM of 8-bit pictures, and the luma they are also taken on.

The protocol, so that figures can be compared:

* Blurred, restored and sharp pictures are rounded to 8 bit and compared whole: no border is cut
  off, nothing is aligned, and no intensity is scaled.
* PSNR: peak 255, over all pixels (and channels) of a picture. Equal pictures count as 100 dB, so
  that a mean stays a number.
* SSIM: Wang et al. (2004), Gaussian window of 11 x 11 pixels with sigma 1.5, K1 = 0.01,
  K2 = 0.03, range 255, window positions inside the picture only; on RGB the mean of the three
  channels. MATLAB's `ssim` on RGB treats colour as a third axis of space and gives other numbers.
  scikit-image computes it in float64. (torchmetrics counts positions over a reflected border too,
  and works in float32, in which the variance of flat areas is lost: on small pictures up to
  0.005 apart.)
* Luma: BT.601 in full range, Y = 0.299 R + 0.587 G + 0.114 B, 0 to 255. MATLAB's `rgb2ycbcr` has
  the range 16 to 235, in which the same error gives 1.3 dB more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...standards import BT601

__all__ = ["MAX_PSNR", "Quality", "luma_of", "qualities", "to_8bit", "with_luma"]

MAX_PSNR = 100.0
"""PSNR in dB that equal pictures count as."""


class Quality(NamedTuple):
    """How near a picture is to its sharp original."""

    psnr: float
    """dB."""
    ssim: float
    """At most 1."""


def luma_of(rgb: Tensor) -> Tensor:
    """BT.601 luma in the range of the input.

    Args:
        rgb: (..., 3, H, W), any range.

    Returns:
        (..., 1, H, W), float32, not rounded.
    """
    weights = torch.tensor(BT601, device=rgb.device)
    return (rgb.float() * weights[:, None, None]).sum(-3, keepdim=True)


def to_8bit(picture: Tensor) -> Tensor:
    """Round to 8 bit: float in [0, 1] (clamped) -> whole numbers in [0, 255] as float32."""
    return (picture.float().clamp(0, 1) * 255).round()


def with_luma(rgb: Tensor, luma: Tensor) -> Tensor:
    """Give a picture another luma and keep its Cb and Cr (paper 001, section III-A).

    Equal steps in R, G and B change Y alone; what then lies beyond [0, 1] is cut off.

    Args:
        rgb: (..., 3, H, W) in [0, 1].
        luma: (..., 1, H, W), nominally in [0, 1].

    Returns:
        (..., 3, H, W), float32, in [0, 1].
    """
    return (rgb.float() + (luma - luma_of(rgb))).clamp(0, 1)


def qualities(pictures: Tensor, sharp: Tensor) -> list[Quality]:
    """PSNR and SSIM of several pictures of one size.

    Args:
        pictures: (N, C, H, W), whole numbers in [0, 255]; C is 1 (luma) or 3 (RGB); at least 11
            pixels high and wide.
        sharp: Their originals, same shape.
    """
    from torchmetrics.functional.image import peak_signal_noise_ratio

    psnr = peak_signal_noise_ratio(
        pictures, sharp, data_range=255.0, reduction="none", dim=(1, 2, 3)
    ).clamp(max=MAX_PSNR)
    pairs = zip(_arrays(pictures), _arrays(sharp), strict=True)
    ssim = [_ssim(picture, original) for picture, original in pairs]
    return [Quality(*both) for both in zip(psnr.tolist(), ssim, strict=True)]


def _arrays(pictures: Tensor) -> NDArray[np.uint8]:
    return np.asarray(pictures.byte().cpu().numpy())


def _ssim(picture: NDArray[np.uint8], sharp: NDArray[np.uint8]) -> float:
    """SSIM of (C, H, W)."""
    from skimage.metrics import structural_similarity

    similarity = structural_similarity(  # type: ignore[no-untyped-call]
        picture,
        sharp,
        data_range=255,
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(similarity)
