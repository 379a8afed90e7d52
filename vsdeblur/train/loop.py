"""The training loop.

Read `train` from top to bottom. Learning rate, batches and noise are functions of the step, so a
checkpoint holds the weights, their average, the optimisers and the step, and little else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import lightning_fabric as fabric_library
from torch import Tensor

from ..errors import DataError, OptionError
from ..registry import RECORDS, FilterPart
from ..runtime.speed import flops_per_sample, matrix_rate
from .pool import num_parts
from .recipe import Recipe
from .run_folder import RunFolder, RunLog
from .run_options import TrainOptions, TrainProgress
from .task import Pool, TaskFactory, Validation
from .trainer import Trainer
from .validation import Score

__all__ = ["TrainOptions", "TrainProgress", "train"]

TASKS: Mapping[str, TaskFactory] = FilterPart("training_task")
"""Filter name -> how its models are trained."""


def train(
    stages: Sequence[Recipe],
    options: TrainOptions,
    report: Callable[[TrainProgress], None] = lambda _: None,
) -> Path:
    """Train until the recipe's stages are done or the minutes are over.

    Args:
        stages: Settings of the run, stage by stage; each starts from the one before it.
        options: Material, folder and length.
        report: Called now and then with how the run stands.

    Returns:
        The file of the best weights of the stage that was reached.

    Raises:
        DataError: Training material is missing or damaged, or the run cannot be resumed.
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
    for folder in folders:
        folder.create()

    weights = options.init
    for stage, folder in zip(stages, folders, strict=True):
        trainer = task.trainer(stage, fabric, weights, compiled=options.compile)
        if folder.last.exists():
            trainer.load(folder.load())
        run = _Run(trainer, folder, options, report)
        if not run.is_finished:
            if fabric.is_global_zero:
                folder.write_recipe(stage, task.names)
                run.validation = task.validation(stage)
            run.go(
                task.pool(stage, trainer, folder.path), deadline, judge_start=weights is not None
            )
        weights = folder.path / f"{stage.model}.safetensors"
        if not run.is_finished:
            break
    assert weights is not None
    return weights


def _check_options(stage: Recipe, options: TrainOptions) -> None:
    """Refuse what the recipe's filter cannot be trained by.

    Raises:
        DataError: The filter is none that can be trained.
        OptionError: An option is for recipes of other filters.
    """
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
    return fabric


class _Run:
    """A stage on its way: updates, evaluations, checkpoints, reports.

    With several devices all do the updates; the first one evaluates, writes and decides.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: RunFolder,
        options: TrainOptions,
        report: Callable[[TrainProgress], None],
    ) -> None:
        self._trainer = trainer
        self.validation: Validation | None = None  # the first device's affair
        self._folder = folder
        self._options = options
        self._report = report
        self._seconds = {"data": 0.0, "update": 0.0, "evaluation": 0.0}
        self._since = time.monotonic()
        self._losses: list[Tensor] = []  # since the last report
        self._flops = 0.0
        self._matrix_rate = 1.0
        self._loss_sum, self._loss_count = 0.0, 0  # since the last evaluation

    @property
    def is_finished(self) -> bool:
        """Whether all steps are done, or an early stop is due."""
        trainer = self._trainer
        return trainer.step >= trainer.recipe.steps or trainer.schedule.is_over

    def go(self, pool: Pool, deadline: float | None, *, judge_start: bool) -> None:
        """Update until the stage is finished or the deadline (of time.monotonic) is past.

        Args:
            pool: Draws the batches.
            deadline: None = no end.
            judge_start: Evaluate before the first step: what comes must be better than that.
        """
        trainer, options = self._trainer, self._options
        log = RunLog(self._folder.path) if trainer.fabric.is_global_zero else None
        self._since = time.monotonic()
        try:
            if judge_start and trainer.step == 0:
                self._evaluate()
            while not self.is_finished:
                batch = self._timed("data", pool.batch, trainer.step)
                if not self._flops:
                    self._measure_device(batch[0])
                    self._since = time.monotonic()
                self._losses.append(self._timed("update", trainer.update, *batch))
                over = self._is_over(deadline)
                due = trainer.step % options.eval_steps == 0 or trainer.step >= trainer.recipe.steps
                if trainer.step % options.log_steps == 0 or over or due:
                    self._tell(log, evaluate=due or over)
                if over:
                    break
        except KeyboardInterrupt:
            if log:
                self._folder.save(trainer.state(), is_best=False)
            raise
        finally:
            if log:
                log.close()

    def _is_over(self, deadline: float | None) -> bool:
        if deadline is None:
            return False
        over = time.monotonic() > deadline
        fabric = self._trainer.fabric
        return fabric.broadcast(over) if fabric.world_size > 1 else over

    def _tell(self, log: RunLog | None, *, evaluate: bool) -> None:
        """Report the mean loss since the last time, after an evaluation if one is due."""
        trainer = self._trainer
        loss = float(trainer.fabric.all_reduce(sum(self._losses) / len(self._losses)))  # type: ignore[arg-type]
        self._loss_sum += loss * len(self._losses)
        self._loss_count += len(self._losses)
        # Reading the loss waited for the device: only the clock on the wall knows the rate.
        rate = trainer.recipe.batch_size * len(self._losses) / (time.monotonic() - self._since)
        score = self._timed("evaluation", self._evaluate) if evaluate else None
        progress = TrainProgress(
            stage=trainer.recipe.stage,
            step=trainer.step,
            steps=trainer.recipe.steps,
            loss=loss,
            samples_per_second=rate,
            matrix_share=rate * self._flops / (self._matrix_rate * trainer.fabric.world_size),
            score=score,
            seconds=dict(self._seconds),
        )
        if log:
            log.write(progress, trainer.schedule.learning_rate_at(trainer.step - 1))
            self._report(progress)
        self._losses.clear()
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        self._since = time.monotonic()

    def _evaluate(self) -> Score | None:
        """Score the averaged weights; keep the checkpoint, and the weights if they are the best."""
        trainer = self._trainer
        picture = self._folder.path / f"validation-{trainer.step:06d}.png"
        score = self.validation.evaluate(trainer, picture) if self.validation else None
        figure = float(trainer.fabric.broadcast(score.figure if score else 0.0))
        loss = self._loss_sum / self._loss_count if self._loss_count else float("inf")
        is_best = trainer.schedule.evaluated(figure, loss)
        self._loss_sum, self._loss_count = 0.0, 0
        if score:
            self._folder.save(trainer.state(), is_best=is_best)
            if is_best:
                notes = {"step": str(trainer.step), "gain": f"{figure:.3f}"}
                self._folder.export(trainer.average, trainer.recipe, notes)
        trainer.fabric.barrier()
        return score

    def _measure_device(self, blurred: Tensor) -> None:
        trainer = self._trainer
        self._flops = flops_per_sample(trainer.measured(), blurred)
        self._matrix_rate = matrix_rate(trainer.fabric.device, trainer.compute_dtype)

    def _timed[T](self, what: str, work: Callable[..., T], *args: object) -> T:
        started = time.monotonic()
        result = work(*args)
        self._seconds[what] += time.monotonic() - started
        return result
