"""A stage of a run on its way: updates, evaluations, checkpoints, reports."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import TrainingError
from ..runtime.speed import flops_per_sample, matrix_rate
from .clock import Clock
from .run_folder import RunFolder, RunLog
from .run_options import TrainOptions, TrainProgress
from .task import Pool, Validation
from .trainer import Trainer
from .validation import Score

__all__ = ["LOOK_STEPS", "StageRun"]

LOOK_STEPS = 16
"""Steps of a CUDA device between two looks at it, and at the clock."""


class StageRun:
    """A stage of a run. With several devices all update; the first one evaluates and decides.

    Args:
        trainer: What is trained.
        folder: Where checkpoints and weights go.
        options: Of the run.
        report: Called with every report.
        say: Called with what the user should know, a line each.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: RunFolder,
        options: TrainOptions,
        report: Callable[[TrainProgress], None],
        say: Callable[[str], None],
    ) -> None:
        self._trainer = trainer
        self.validation: Validation | None = None  # the first device's affair
        self._folder = folder
        self._options = options
        self._report = report
        self._say = say
        self._seconds = {"data": 0.0, "update": 0.0, "evaluation": 0.0}
        self._since = time.monotonic()
        self._loss = torch.zeros((), device=trainer.fabric.device)  # sum since the last report
        self._steps = 0  # since then
        self._fence = _Fence(trainer.fabric.device)
        self._flops = 0.0
        self._matrix_rate = 1.0
        self._loss_sum, self._loss_count = 0.0, 0  # since the last evaluation

    @property
    def is_finished(self) -> bool:
        """Whether all steps are done, or the time it was annealed in; or an early stop is due."""
        return self._trainer.schedule.is_done(self._trainer.step)

    def go(self, pool: Pool, clock: Clock, *, judge_start: bool) -> None:
        """Update until the stage is finished or its time is over.

        Args:
            pool: Draws the batches.
            clock: Tells the time.
            judge_start: Evaluate before the first step: what comes must be better than that.
        """
        trainer, options = self._trainer, self._options
        log = RunLog(self._folder.path) if trainer.fabric.is_global_zero else None
        self._since = time.monotonic()
        try:
            if judge_start and trainer.step == 0:
                score = self._evaluate(clock)
                if score:
                    self._say(f"begins at a gain of {score}")
            while not self.is_finished:
                batch = self._timed("data", pool.batch, trainer.step)
                if not self._flops:
                    self._measure_device(batch[0])
                    self._since = time.monotonic()
                clock.begin()
                self._loss += self._timed("update", trainer.update, *batch)
                self._steps += 1
                over = self._is_over(clock)
                due = trainer.step % options.eval_steps == 0 or self.is_finished or over
                if trainer.step % options.log_steps == 0 or due:
                    self._tell(log, clock, evaluate=due)
                if over:
                    break
        except KeyboardInterrupt:
            if log:
                self._folder.save(trainer.state(), is_best=False)
            raise
        finally:
            if log:
                log.close()

    def _is_over(self, clock: Clock) -> bool:
        """Whether no time is left, as the first device sees it; anneals by its clock.

        It is looked at as often as the device is waited for.
        """
        if not self._fence.is_reached(self._trainer.step):
            return False
        fabric, part = self._trainer.fabric, clock.part_over
        if fabric.world_size > 1:
            part = fabric.broadcast(part)
        if self._options.anneal:
            self._trainer.schedule.anneal_to(part)
        return part >= 1

    def _mean_loss(self) -> float:
        """Mean over all devices since the last report.

        Raises:
            TrainingError: It is no number.
        """
        loss = float(self._trainer.fabric.all_reduce(self._loss / self._steps))  # type: ignore[arg-type]
        if loss != loss:
            raise TrainingError(
                f"the loss is no number any more at step {self._trainer.step}: training has "
                f"diverged; {str(self._folder.path)!r} has what was before. Start again with a "
                "smaller learning_rate"
            )
        self._loss_sum += loss * self._steps
        self._loss_count += self._steps
        return loss

    def _tell(self, log: RunLog | None, clock: Clock, *, evaluate: bool) -> None:
        """Report the mean loss since the last time, after an evaluation if one is due."""
        trainer = self._trainer
        loss = self._mean_loss()
        # Reading the loss waited for the device: only the clock on the wall knows the rate.
        rate = trainer.recipe.batch_size * self._steps / (time.monotonic() - self._since)
        score = self._timed("evaluation", self._evaluate, clock) if evaluate else None
        progress = TrainProgress(
            stage=trainer.recipe.stage,
            step=trainer.step,
            steps=None if self._options.anneal else trainer.recipe.steps,
            seconds_left=clock.seconds_left if self._options.anneal else None,
            loss=loss,
            samples_per_second=rate,
            matrix_share=rate * self._flops / (self._matrix_rate * trainer.fabric.world_size),
            score=score,
            seconds=dict(self._seconds),
        )
        if log:
            log.write(progress, trainer.schedule.learning_rate_at(trainer.step - 1))
            self._report(progress)
        self._loss.zero_()
        self._steps = 0
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        self._since = time.monotonic()

    def _evaluate(self, clock: Clock) -> Score | None:
        """Score the averaged weights; keep the checkpoint, and the weights if they are the best."""
        trainer, started = self._trainer, time.monotonic()
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
        if self._options.anneal:
            clock.reserve(1.2 * (time.monotonic() - started))  # for the last evaluation
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


class _Fence:
    """Keeps Python from running ahead of a CUDA device, without leaving that without work.

    Args:
        device: Any; of others than CUDA nothing runs ahead.
    """

    def __init__(self, device: torch.device) -> None:
        self._every = LOOK_STEPS if device.type == "cuda" else 1
        self._reached: torch.cuda.Event | None = None

    def is_reached(self, step: int) -> bool:
        """Every so many steps: wait for where it was the last time."""
        if step % self._every:
            return False
        if self._every > 1:
            if self._reached is not None:
                self._reached.synchronize()
            self._reached = torch.cuda.Event()
            self._reached.record()
        return True
