"""What a run leaves on disk: checkpoints to resume from, weights to use, its recipe and curves."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.loggers.csv_logs import CSVLogger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor

from ..errors import DataError
from ..runtime.weights import save_weights
from .recipe import Recipe
from .run_options import TrainProgress

__all__ = ["RunFolder", "RunLog"]


class RunFolder:
    """The folder of a training run, or of one stage of it.

    Args:
        path: Where it is, or will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make the folder if it is missing.

        Raises:
            DataError: It cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot write to {str(self.path)!r}: {error.strerror}") from error

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / "last.ckpt"

    @property
    def best(self) -> Path:
        """The checkpoint with the best score so far."""
        return self.path / "best.ckpt"

    def load(self) -> dict[str, Any]:
        """Read the newest checkpoint.

        Raises:
            DataError: There is none, or it is damaged.
        """
        self._check_resumable()
        try:
            state: dict[str, Any] = torch.load(self.last, map_location="cpu", weights_only=True)
        except Exception as error:
            raise DataError(f"{str(self.last)!r} is damaged: {error}") from error
        return state

    def save(self, state: dict[str, Any], *, is_best: bool) -> None:
        """Write the newest checkpoint, and the best one if this is it."""
        for path in [self.last, self.best] if is_best else [self.last]:
            beside = path.with_suffix(".partial")
            torch.save(state, beside)
            os.replace(beside, path)

    def export(self, weights: dict[str, Tensor], recipe: Recipe, notes: dict[str, str]) -> Path:
        """Write half-precision weights for use; returns the file."""
        path = self.path / f"{recipe.model}.safetensors"
        save_weights(
            path, weights, filter_name=recipe.filter, model=recipe.model,
            options=recipe.model_options, notes=notes,
        )  # fmt: skip
        return path

    def check_recipe(self, recipe: Recipe) -> None:
        """Refuse to resume a run under another recipe.

        The number of steps and the share of the decay may change: on the plateau of the
        learning rate nothing depends on them.

        Raises:
            DataError: Another setting differs, or there is no run.
        """
        self._check_resumable()
        saved = json.loads((self.path / "recipe.json").read_text(encoding="utf-8"))["recipe"]
        now = json.loads(json.dumps(recipe.as_dict()))
        changed = [k for k in now if now[k] != saved.get(k) and k not in ("steps", "decay_share")]
        if changed:
            raise DataError(
                f"cannot resume {str(self.path)!r}: {changed[0]!r} was {saved.get(changed[0])!r} "
                f"and is now {now[changed[0]]!r}; use another --out for a new run"
            )

    def _check_resumable(self) -> None:
        if not (self.last.is_file() and (self.path / "recipe.json").is_file()):
            raise DataError(f"nothing to resume in {str(self.path)!r}; start without --resume")

    def write_recipe(self, recipe: Recipe, material: dict[str, list[str]]) -> None:
        """Save the resolved recipe, the versions and the names of photos and videos."""
        names = ("torch", "numpy", "lightning-fabric")
        facts = {
            "recipe": recipe.as_dict(),
            "versions": {"python": platform.python_version()} | {n: version(n) for n in names},
            "material": material,
        }
        (self.path / "recipe.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")


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
