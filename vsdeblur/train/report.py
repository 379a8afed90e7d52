"""Pictures of validation windows, to look at while a run goes on."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from .validation import ValidationSet

__all__ = ["write_comparison"]


def write_comparison(
    path: Path, validation: ValidationSet, restored: Tensor, rows: int = 6
) -> None:
    """Write a PNG with a row a window: blurred middle frame, restored, sharp.

    Args:
        path: File to write.
        validation: The windows.
        restored: (N, 1, H, W), the network's output for them, in [0, 1].
        rows: How many windows, spread evenly over the set.
    """
    middle = validation.blurred.shape[1] // 2
    chosen = torch.linspace(0, len(restored) - 1, rows).long()
    columns = [validation.blurred[chosen, middle], restored[chosen, 0], validation.sharp[chosen, 0]]
    sheet = torch.cat([torch.cat(list(column)) for column in columns], dim=1)
    Image.fromarray((sheet * 255).round().byte().numpy()).save(path)
