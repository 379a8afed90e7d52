"""The training loop.

Read `train` from top to bottom, then `stage_run`. Batches and noise are functions of the step, and
so is the learning rate unless it is annealed by the clock: a checkpoint holds the weights, their
average, the optimisers and the step, and little else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import lightning_fabric as fabric_library
import torch

from ..errors import DataError, OptionError
from ..registry import RECORDS, FilterPart
from .clock import Clock
from .pool import num_parts
from .recipe import Recipe
from .run_folder import RunFolder
from .run_options import TrainOptions, TrainProgress
from .stage_run import StageRun
from .task import TaskFactory
from .trainer import Trainer

__all__ = ["TrainOptions", "TrainProgress", "train"]

TASKS: Mapping[str, TaskFactory] = FilterPart("training_task")
"""Filter name -> how its models are trained."""


def train(
    stages: Sequence[Recipe],
    options: TrainOptions,
    report: Callable[[TrainProgress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train until the recipe's stages are done or the minutes are over.

    Args:
        stages: Settings of the run, stage by stage; each starts from the one before it.
        options: Material, folder and length.
        report: Called now and then with how the run stands.
        say: Called with what its user should know, a line each.

    Returns:
        The file of the best weights of the stage that was reached.

    Raises:
        DataError: Training material is missing or damaged, or the run cannot be resumed.
        TrainingError: Training has diverged.
        OptionError: An option is not for this recipe.
        WeightsError: Weights to start or to compare with are missing, damaged or of another model.
    """
    started = time.monotonic()
    deadline = None if options.minutes is None else started + options.minutes * 60
    folders = [RunFolder(options.out / stage.stage) for stage in stages]
    for stage, folder in zip(stages, folders, strict=True):
        _check_folder(stage, folder, options, is_first=folder is folders[0])
    _check_options(stages[0], options)
    task = TASKS[stages[0].filter](stages, options)
    fabric = _fabric(stages, options)
    if not fabric.is_global_zero:
        say = _nothing
    for folder in folders:
        folder.create()

    weights = options.init
    for index, (stage, folder) in enumerate(zip(stages, folders, strict=True)):
        trainer = task.trainer(
            stage, fabric, weights, compiled=options.compile, by_clock=options.anneal, say=say
        )
        if folder.last.exists():
            trainer.load(folder.load())
            say(_resumed(trainer, options))
        run = StageRun(trainer, folder, options, report, say)
        if not run.is_finished:
            if fabric.is_global_zero:
                folder.write_recipe(stage, task.names)
                run.validation = task.validation(stage)
            pool = task.pool(stage, trainer, folder.path)
            clock = Clock(_end_of(stages[index:], deadline) if options.anneal else deadline)
            run.go(pool, clock, judge_start=weights is not None or options.anneal)
        weights = folder.path / f"{stage.model}.safetensors"
        if not run.is_finished:
            break
    assert weights is not None
    return weights


def _nothing(line: str) -> None:
    """What all devices but the first say."""


def _end_of(stages: Sequence[Recipe], deadline: float | None) -> float | None:
    """When the first of the stages that are left ends: they share the time as their steps have it.

    Args:
        stages: At least one.
        deadline: When the last one ends, of time.monotonic().
    """
    if deadline is None:
        return None
    share = stages[0].steps / sum(stage.steps for stage in stages)
    now = time.monotonic()
    return now + share * (deadline - now)


def _resumed(trainer: Trainer, options: TrainOptions) -> str:
    """What a resumed stage does now, for its user to read."""
    stage, annealed = trainer.recipe.stage or trainer.recipe.name, trainer.schedule.annealed
    line = f"{stage}: goes on from step {trainer.step}"
    if annealed >= 1:
        return (
            f"{stage}: annealed to its end at step {trainer.step}; a new run can start from its "
            "weights with --init"
        )
    if options.anneal:
        return f"{line}; its learning rate falls from where it stood to zero in the time it has"
    if annealed:
        return f"{line}; its learning rate, which fell by the clock, goes by the recipe's steps now"
    return line


def _check_options(stage: Recipe, options: TrainOptions) -> None:
    """Refuse what the recipe's filter cannot be trained by, and options that do not go together.

    Raises:
        DataError: The filter is none that can be trained.
        OptionError: An option is for recipes of other filters, or wants another beside it.
    """
    if options.anneal and options.minutes is None:
        raise OptionError(
            "--anneal lets the learning rate fall to zero as the time runs out; give the time, "
            "--minutes M"
        )
    if stage.filter not in TASKS:
        raise DataError(
            f"recipe {stage.name!r} is for filter {stage.filter!r}; choose one of: "
            f"{', '.join(TASKS)}"
        )
    for name in ("vgg19", "raft"):
        heeding = [each for each in TASKS if name in RECORDS[each].training_options]
        if getattr(options, name) is not None and stage.filter not in heeding:
            raise OptionError(
                f"--{name} is for recipes of {', '.join(heeding)}; recipe {stage.name!r} trains "
                f"{stage.filter}"
            )


def _check_folder(
    stage: Recipe, folder: RunFolder, options: TrainOptions, *, is_first: bool
) -> None:
    if options.resume:
        if is_first or folder.last.exists():
            folder.check_recipe(stage)
    elif folder.last.exists():
        raise DataError(
            f"{str(folder.path)!r} holds a run already; add --resume, or use another --out"
        )


def _fabric(stages: Sequence[Recipe], options: TrainOptions) -> fabric_library.Fabric:
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", options.devices))  # set by torchrun
    for stage in stages:
        parts = num_parts(stage.batch_size)
        if parts % devices:
            raise DataError(
                f"recipe {stage.name!r} has batches of {stage.batch_size}, which {devices} devices "
                f"cannot share evenly; use a number of devices that divides {parts}"
            )
    fabric = fabric_library.Fabric(
        accelerator=options.accelerator,
        devices=devices,
        precision=options.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    if fabric.device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # all batches are of one shape
        torch.set_float32_matmul_precision("high")
    return fabric
