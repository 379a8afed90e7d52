"""Block transform coding, as JPEG does it and the frames of video that stand for themselves."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ..synthesis.camera import Draw
from .chance import Chosen

__all__ = ["block_coded", "cosine_transform"]

BLOCK = 8
QUALITY = (35.0, 95.0)
"""JPEG's quality: least and most."""
# ITU-T T.81 (1992), table K.1: luminance, quality 50.
TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip


def block_coded(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Code the blurred frames of windows in blocks of 8x8, at a quality drawn for each window.

    The sharp partners stay as they are: what coding did is to be undone. See the package.
    """
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, len(blurred), share)
    if chosen.num == 0:
        return blurred, sharp
    quality = draw.uniform(*QUALITY, chosen.num, 1)
    coarseness = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    coded = _quantised(chosen.of(blurred).float(), coarseness)
    return chosen.amend(blurred, coded), sharp


def _quantised(frames: Tensor, coarseness: Tensor) -> Tensor:
    """(n, T, H, W) in [0, 1] with coefficients rounded to multiples; coarseness is (n, 1)."""
    height, width = frames.shape[-2:]
    padded = F.pad(frames, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    blocks = (padded * 255 - 128).unfold(2, BLOCK, BLOCK).unfold(3, BLOCK, BLOCK)
    cosines, table = cosine_transform(frames.device), _table(frames.device)
    steps = (table * coarseness[..., None]).clamp_min(1)[:, None, None, None]
    coefficients = cosines @ blocks @ cosines.T
    values = cosines.T @ ((coefficients / steps).round() * steps) @ cosines
    whole = values.permute(0, 1, 2, 4, 3, 5).reshape(padded.shape)
    return ((whole + 128) / 255).clamp(0, 1)[..., :height, :width]


@lru_cache
def cosine_transform(device: torch.device) -> Tensor:
    """The orthonormal cosine transform of 8 values, (8, 8)."""
    rate, place = torch.arange(BLOCK)[:, None], torch.arange(BLOCK)[None]
    cosines = torch.cos((2 * place + 1) * rate * torch.pi / (2 * BLOCK))
    norm = torch.where(rate == 0, 1 / BLOCK, 2 / BLOCK).sqrt()
    return (norm * cosines).to(device)


@lru_cache
def _table(device: torch.device) -> Tensor:
    return torch.tensor(TABLE, dtype=torch.float32).to(device)
