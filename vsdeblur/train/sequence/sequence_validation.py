"""What the weights of `sequence` are chosen by: fixed exposures, opened into seven moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from torch import Tensor

from ...data.datasets import PairedVideo
from ...data.photos import PhotoSet
from ...data.psnr import luma_psnr
from ..settings import BlurSettings
from ..synthesis.windows import degrade, synthesize
from ..trainer import Trainer
from ..validation import Score, ValidationSet
from .exposures import VideoMoments
from .sequence_losses import in_better_order

__all__ = ["ExposureSet", "ExposureValidation", "moment_psnr"]


def moment_psnr(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean luma PSNR of the moments of each group, in the better order of two, dB.

    Args:
        restored: (N, 7, H, W), in [0, 1].
        sharp: As `restored`.

    Returns:
        (N,).
    """
    ordered = in_better_order(restored, sharp)
    frames = (moments.flatten(0, 1).unsqueeze(1) for moments in (ordered, sharp))
    return luma_psnr(*frames).view(sharp.shape[:2]).mean(1)


class ExposureSet(ValidationSet):
    """Blurred frames with their seven moments; the input's score is that of repeating it.

    Args:
        pairs: Blurred (1, H, W) and moments (7, H, W), luma in [0, 1], all of one size.
    """

    @staticmethod
    def psnr(restored: Tensor, sharp: Tensor) -> Tensor:
        """Mean luma PSNR of the moments, dB: (N, 1 or 7, H, W) in [0, 1] -> (N,)."""
        return moment_psnr(restored.expand_as(sharp), sharp)

    @classmethod
    def from_videos(
        cls, videos: Sequence[PairedVideo], *, num_windows: int, size: int = 192, seed: int = 2026
    ) -> Self:
        """Cut windows out of videos that have moments; see `ValidationSet.from_videos`."""
        generator = torch.Generator().manual_seed(seed)
        windows = VideoMoments(videos, size).windows(num_windows, generator, generator)
        return cls(list(zip(windows.blurred, windows.moments, strict=True)))

    @classmethod
    def _window(cls, photos: PhotoSet, settings: BlurSettings, seed: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        patches = photos.patches(2, generator)
        exposure = synthesize(
            patches[:1], patches[1:], replace(settings, num_frames=1), generator, with_moments=True
        )
        assert exposure.moments is not None
        blurred = degrade(exposure.blurred[:, :, 0], generator, min_sigma=0.002, max_sigma=0.01)
        return blurred[0], exposure.moments[0, :, 0]


class ExposureValidation:
    """Scores averaged weights; see `task.Validation`.

    Args:
        exposures: What they are scored on.
    """

    def __init__(self, exposures: ExposureSet) -> None:
        self._exposures = exposures

    def evaluate(self, trainer: Trainer, picture: Path) -> Score:
        """Score the averaged weights, and write a PNG to look at."""
        restored = self._exposures.restore(trainer.averaged())
        write_moments(picture, self._exposures, restored)
        return self._exposures.score(restored)


def write_moments(path: Path, exposures: ExposureSet, restored: Tensor, rows: int = 4) -> None:
    """Write a PNG with two rows an exposure: blurred and the seven opened, and the seven sharp.

    Args:
        path: File to write.
        exposures: The blurred frames and their moments.
        restored: (N, 7, H, W), what the network made of them, in [0, 1].
        rows: How many exposures, spread evenly over the set.
    """
    chosen = torch.linspace(0, len(restored) - 1, rows).long()
    blurred, sharp = exposures.blurred[chosen], exposures.sharp[chosen]
    ours = in_better_order(restored[chosen], sharp)
    bands = [torch.cat([blurred, ours], 1), torch.cat([torch.zeros_like(blurred), sharp], 1)]
    sheet = torch.stack(bands, 1)  # (rows, 2, 8, H, W)
    flat = sheet.permute(0, 1, 3, 2, 4).flatten(3).flatten(0, 2)
    Image.fromarray((flat * 255).round().byte().numpy()).save(path)
