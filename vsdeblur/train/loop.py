"""The training loop of models that restore the middle frame of a window.

Read `train` from top to bottom. Learning rate, batches and noise are functions of the step, so a
checkpoint holds the weights, their average, the optimisers and the step, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning_fabric as fabric_library
from lightning_fabric.loggers.csv_logs import CSVLogger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor

from ..errors import DataError
from .checkpoint import RunFolder
from .photos import PhotoSet, find_photos
from .pool import WindowPool
from .recipe import Recipe
from .report import write_comparison
from .trainer import Trainer
from .validation import Score, ValidationSet

__all__ = ["Progress", "TrainOptions", "train"]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Where a run gets its material, and for how long it may go on now."""

    data: Sequence[Path]
    """Folders of sharp photos to train on."""
    validation: Sequence[Path] = ()
    """Folders of other sharp photos, to choose the best weights by; empty = every tenth photo
    of `data` is kept for that and not trained on."""
    out: Path
    """Folder of the run."""
    init: Path | None = None
    """Weights to start from; None = random ones. A resumed run has its own."""
    resume: bool = False
    """Continue the run that is in `out`."""
    minutes: float | None = None
    """Stop after this many minutes; None = when the recipe's steps are done."""
    accelerator: str = "auto"
    """Fabric's accelerator: "auto", "cpu" or "cuda"."""
    devices: int = 1
    """How many devices share each batch."""
    precision: str = "bf16-mixed"
    """Fabric's precision: "bf16-mixed" or "32-true"."""
    eval_steps: int = 1000
    """Steps between evaluations."""
    num_validation: int = 64
    """Windows with an input of 22 to 32 dB in the validation set."""


@dataclass(frozen=True)
class Progress:
    """How a run stands; given to the caller after every few steps."""

    step: int
    steps: int
    loss: float
    samples_per_second: float
    score: Score | None = None
    """Set after an evaluation."""


def train(
    recipe: Recipe, options: TrainOptions, report: Callable[[Progress], None] = lambda _: None
) -> Path:
    """Train until the recipe's steps are done or the minutes are over.

    Args:
        recipe: Settings of the run.
        options: Material, folder and length.
        report: Called now and then with how the run stands.

    Returns:
        The file of the best weights so far.

    Raises:
        DataError: Training material is missing or damaged, or the run cannot be resumed.
    """
    started = time.monotonic()
    folder = RunFolder(options.out)
    if options.resume:
        folder.check_recipe(recipe)
    elif folder.last.exists():
        raise DataError(
            f"{str(options.out)!r} holds a run already; add --resume, or use another --out"
        )
    files, held_out = _split(options)
    fabric = fabric_library.Fabric(
        accelerator=options.accelerator,
        devices=options.devices,
        precision=options.precision,  # type: ignore[arg-type]
        loggers=[TensorBoardLogger(options.out, "logs"), CSVLogger(options.out, "csv")],
    )
    fabric.launch()
    trainer = Trainer(recipe, fabric, options.init)
    if options.resume:
        trainer.load(folder.load())
    validation = ValidationSet.from_files(held_out, num_windows=options.num_validation)
    pool = _pool(recipe, files, fabric)
    folder.write_recipe(recipe, files)

    deadline = None if options.minutes is None else started + options.minutes * 60
    try:
        _run(trainer, pool, validation, folder, options.eval_steps, deadline, report)
    except KeyboardInterrupt:
        folder.save(trainer.state(), is_best=False)
        raise
    finally:
        for logger in fabric.loggers:
            logger.finalize("success")
    return folder.path / f"{recipe.model}.safetensors"


def _run(
    trainer: Trainer,
    pool: WindowPool,
    validation: ValidationSet,
    folder: RunFolder,
    eval_steps: int,
    deadline: float | None,
    report: Callable[[Progress], None],
) -> None:
    """Update until the recipe's steps are done or the deadline (of time.monotonic) is past."""
    recipe, fabric = trainer.recipe, trainer.fabric
    loss_sum, counted, since = 0.0, 0, time.monotonic()
    while trainer.step < recipe.steps:
        loss_sum += float(trainer.update(*_on_device(pool.batch(trainer.step), fabric)))
        counted += 1
        over = deadline is not None and time.monotonic() > deadline
        due = trainer.step % eval_steps == 0 or trainer.step == recipe.steps
        if trainer.step % 50 == 0 or over or due:
            rate = counted * recipe.batch_size / (time.monotonic() - since)
            score = _evaluate(trainer, validation, folder) if due or over else None
            progress = Progress(trainer.step, recipe.steps, loss_sum / counted, rate, score)
            _log(fabric, progress, recipe.learning_rate_at(trainer.step - 1))
            report(progress)
            loss_sum, counted, since = 0.0, 0, time.monotonic()
        if over:
            break


def _split(options: TrainOptions) -> tuple[list[Path], list[Path]]:
    """Photos to train on, and photos to validate on."""
    files = find_photos(options.data)
    if options.validation:
        return files, find_photos(options.validation)
    held_out = files[::10]
    if len(held_out) == len(files):
        raise DataError(
            f"one photo ({files[0]}) cannot be trained on and held out; add photos, or name "
            "others with --validation"
        )
    return [file for file in files if file not in held_out], held_out


def _pool(recipe: Recipe, files: list[Path], fabric: fabric_library.Fabric) -> WindowPool:
    return WindowPool(
        PhotoSet(files, recipe.blur.patch_size, fabric.device),
        recipe.blur,
        recipe.pool,
        batch_size=recipe.batch_size // fabric.world_size,
        crop=recipe.crop,
        seed=recipe.seed * 1000 + fabric.global_rank,
    )


def _on_device(
    batch: tuple[Tensor, Tensor], fabric: fabric_library.Fabric
) -> tuple[Tensor, Tensor]:
    blurred, sharp = batch
    return blurred.to(fabric.device), sharp.to(fabric.device)


def _evaluate(trainer: Trainer, validation: ValidationSet, folder: RunFolder) -> Score:
    """Score the averaged weights; keep the checkpoint, and the weights if they are the best."""
    restored = validation.restore(trainer.restore)
    score = validation.score(restored)
    # Blur removed counts; what sharp input loses beyond 0.1 dB counts against it.
    figure = score.gain["22-32"] + min(0.0, score.gain.get("sharp", 0.0) + 0.1)
    is_best = figure > trainer.best
    trainer.best = max(figure, trainer.best)
    if not trainer.fabric.is_global_zero:
        return score
    write_comparison(folder.path / f"validation-{trainer.step:06d}.png", validation, restored)
    folder.save(trainer.state(), is_best=is_best)
    if is_best:
        notes = {"step": str(trainer.step), "gain": f"{score.gain['22-32']:.3f}"}
        folder.export(trainer.average, trainer.recipe, notes)
    return score


def _log(fabric: fabric_library.Fabric, progress: Progress, learning_rate: float) -> None:
    values = {
        "loss": progress.loss,
        "learning_rate": learning_rate,
        "samples_per_second": progress.samples_per_second,
    }
    if progress.score:
        values |= {f"gain/{band}": gain for band, gain in progress.score.gain.items()}
    fabric.log_dict(values, step=progress.step)
