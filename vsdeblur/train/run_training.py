"""`vsdeblur train`: options in, a run, progress on the console."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ..errors import DataError, OptionError
from ..runtime.device import cpu_has_fast_bf16, resolve_device

if TYPE_CHECKING:  # needs what only training has
    from .run_options import TrainProgress

__all__ = ["run_training"]


def run_training(
    recipe: str,
    *,
    data: Sequence[str],
    validation: Sequence[Path],
    out: Path,
    init: Path | None,
    vgg19: Path | None,
    raft: Path | None,
    resume: bool,
    minutes: float | None,
    anneal: bool,
    steps: int | None,
    device: str,
    devices: int,
    precision: str,
    compile: bool,
    eval_steps: int,
    console: Console,
) -> Path:
    """Train by a recipe and print how it goes; returns the file of the best weights.

    `data` is "NAME=DIR" for each folder of material ("DIR" alone: "photos=DIR"), `steps` are those
    of each stage (None = the recipe's); the other options are those of `TrainOptions`.

    Raises:
        DataError: Recipe, material or run folder are missing or damaged.
        OptionError: Device or precision is none that training knows, or an option is not for this
            recipe.
        WeightsError: Weights to start or to compare with are missing or damaged.
        DeviceError: CUDA was asked for and is absent.
    """
    try:
        from .loop import TrainOptions, train
        from .recipe import load_stages
    except ModuleNotFoundError as error:
        raise DataError(
            f"training needs {error.name}, which is not installed; pip install 'vsdeblur[train]'"
        ) from error
    stages = load_stages(recipe)
    if steps is not None and anneal:
        raise OptionError("--anneal ends a run by the clock, not after --steps; give one of them")
    if steps is not None:
        stages = [replace(stage, steps=steps) for stage in stages]
    accelerator = resolve_device(device).type
    options = TrainOptions(
        data=_by_name(data),
        validation=validation,
        out=out,
        init=init,
        vgg19=vgg19,
        raft=raft,
        resume=resume,
        minutes=minutes,
        anneal=anneal,
        accelerator=accelerator,
        devices=devices,
        precision=_fabric_precision(precision, accelerator),
        compile=compile,
        eval_steps=eval_steps,
    )
    # Stopping a run in the background by its process id must lose nothing.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return train(
            stages, options, _Reporter(console),
            lambda line: console.print(line, highlight=False, soft_wrap=True),
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, previous)


def _by_name(data: Sequence[str]) -> dict[str, list[Path]]:
    """Folders by the name of their source."""
    folders: dict[str, list[Path]] = {}
    for text in data:
        name, equals, folder = text.partition("=")
        # A path may hold an equals sign of its own; a name holds no slash.
        named = bool(equals) and "/" not in name and os.sep not in name
        folders.setdefault(name if named else "photos", []).append(Path(folder if named else text))
    return folders


def _fabric_precision(name: str, accelerator: str) -> str:
    if name == "auto":
        name = "bf16" if accelerator == "cuda" or cpu_has_fast_bf16() else "fp32"
    known = {"bf16": "bf16-mixed", "fp32": "32-true"}
    if name not in known:
        raise OptionError(f"unknown precision {name!r}; choose one of: auto, {', '.join(known)}")
    return known[name]


class _Reporter:
    """A line for every evaluation and every half minute, with the time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start: tuple[int, float] | None = None
        self._stage = ""
        self._said = float("-inf")

    def __call__(self, progress: TrainProgress) -> None:
        now = time.monotonic()
        if self._start is None or self._stage != progress.stage:
            self._start, self._stage = (progress.step, now), progress.stage
        if progress.score is None and now - self._said < 30:
            return
        self._said = now
        of_all = f"/{progress.steps}" if progress.steps else ""
        data = progress.seconds["data"] / max(1e-9, sum(progress.seconds.values()))
        line = (
            f"{progress.stage} step {progress.step}{of_all}  loss {progress.loss:.5f}  "
            f"{progress.samples_per_second:.1f} samples/s, {progress.matrix_share:.0%} of the "
            f"matrix rate, {data:.0%} of the time for data  {self._left(progress, now)} left"
        ).lstrip()
        if progress.score:
            line += f"  gain {progress.score}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def _left(self, progress: TrainProgress, now: float) -> str:
        assert self._start is not None
        step, started = self._start
        seconds = progress.seconds_left
        if progress.steps is not None and progress.step > step:
            seconds = (progress.steps - progress.step) * (now - started) / (progress.step - step)
        if seconds is None:
            return "?"
        whole = round(seconds)
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
