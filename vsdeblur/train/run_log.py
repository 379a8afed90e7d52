"""What a run writes down while it goes on: curves, and pictures of validation windows."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning_fabric.loggers.csv_logs import CSVLogger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from PIL import Image
from torch import Tensor

from .run_options import TrainProgress
from .validation import ValidationSet

__all__ = ["RunLog", "write_comparison"]


class RunLog:
    """Curves of a run, for TensorBoard and as CSV.

    Args:
        folder: The run's folder; they go into `logs` and `csv` below it.
    """

    def __init__(self, folder: Path) -> None:
        self._loggers = [TensorBoardLogger(folder, "logs"), CSVLogger(folder, "csv")]

    def write(self, progress: TrainProgress, learning_rate: float) -> None:
        """Add a point to every curve."""
        values = {
            "loss": progress.loss,
            "learning_rate": learning_rate,
            "samples_per_second": progress.samples_per_second,
            "matrix_share": progress.matrix_share,
        }
        if progress.score:
            values |= {f"gain/{band}": gain for band, gain in progress.score.gain.items()}
        for logger in self._loggers:
            logger.log_metrics(values, progress.step)

    def close(self) -> None:
        """Write what is not written yet."""
        for logger in self._loggers:
            logger.finalize("success")


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
