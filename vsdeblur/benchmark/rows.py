"""The rows of a benchmark: what is measured, and what came out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ..errors import DeblurError, first_line
from ..manifest import load_manifest
from .networks import NetworkSpeed, measure_builds, measure_network, weights_for
from .pipes import PipeRun, pipe_command, run_pipe

__all__ = ["SIZES", "Case", "Row", "Shells", "cases", "measure", "measure_shells", "pixels"]

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
PIPE_SECONDS = 2.0
"""About how long a run of vspipe is to take, where that many frames are not too few."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a row is about."""

    filter: str
    model: str
    size: str
    backend: str
    precision: str
    device: str

    def command(self) -> str:
        """What measures it again."""
        names = ("filter", "model", "size", "backend", "precision", "device")
        return "vsdeblur benchmark " + " ".join(f"--{n} {getattr(self, n)}" for n in names)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A case and its figures; those that could not be had are None, and `missing` says why."""

    case: Case
    packaged_weights: bool = True
    network: NetworkSpeed | None = None
    frames_per_second: float | None = None
    """End to end through vspipe; frames in."""
    process_bytes: int | None = None
    """Memory of the vspipe process at most."""
    pipe: str = ""
    """The vspipe command."""
    missing: str = ""
    build_seconds: Sequence[float] = ()
    """What building the engine of each of the model's networks took, where the backend has any."""


@dataclass(frozen=True, kw_only=True)
class Shells:
    """Frames a second without a network, medians of runs in turn."""

    identity: float
    """`dblrgan`, with a network that gives the middle frame back."""
    rgb: float
    """The usual shell: three RGBS planes."""
    commands: tuple[str, str]

    @property
    def ratio(self) -> float:
        """How many times as fast `dblrgan`'s is."""
        return self.identity / self.rgb


def cases(
    filters: Sequence[str],
    models: Sequence[str],
    sizes: Sequence[str],
    backends: Sequence[str],
    precisions: Sequence[str],
    devices: Sequence[str],
) -> Iterator[Case]:
    """All combinations of what is given; models that a filter lacks are left out."""
    for name in filters:
        offered = load_manifest().filter(name).models
        chosen = [model for model in models or offered if model in offered]
        for row in product(chosen, sizes, backends, precisions, devices):
            yield Case(
                filter=name, model=row[0], size=row[1], backend=row[2], precision=row[3],
                device=row[4],
            )  # fmt: skip


def measure(
    case: Case,
    *,
    repeats: int,
    most_seconds: float,
    folder: Path,
    tell: Callable[[Row], None] = lambda row: None,
) -> Row:
    """Measure a row; what fails leaves it empty and is said in it.

    Args:
        case: What to measure.
        repeats: Runs of which the median counts.
        most_seconds: A row that would take longer is not measured end to end.
        folder: Where random weights may be written.
        tell: Called with the row as it stands when a figure has come that others will follow.
    """
    weights, packaged = weights_for(case.filter, case.model, folder)
    row: dict[str, Any] = {"case": case, "packaged_weights": packaged}
    try:
        for more in _network_figures(case, weights, repeats, folder):
            row |= more
            tell(Row(**row))
        for more in _pipe_figures(case, row["network"], weights, repeats, most_seconds):
            row |= more
            tell(Row(**row))
    except (DeblurError, torch.OutOfMemoryError) as error:
        row["missing"] = first_line(error)
    return Row(**row)


def _network_figures(
    case: Case, weights: Path, repeats: int, folder: Path
) -> Iterator[dict[str, Any]]:
    """Fields of a row, as soon as they are known: the engines' builds, the network alone."""
    names: dict[str, Any] = {"precision": case.precision, "device": case.device, "weights": weights}
    if case.backend == "tensorrt_rtx":  # before what needs a GPU
        with TemporaryDirectory(dir=folder) as engines:
            built = measure_builds(case.filter, case.model, folder=Path(engines), **names)
        yield {"build_seconds": built}
    yield {
        "network": measure_network(
            case.filter, case.model, size=pixels(case.size), backend=case.backend,
            repeats=repeats, **names,
        )
    }  # fmt: skip


def _pipe_figures(
    case: Case, network: NetworkSpeed, weights: Path, repeats: int, most_seconds: float
) -> Iterator[dict[str, Any]]:
    """Fields of a row, as soon as they are known: end to end, after every run."""
    frames = max(3, min(1000, round(PIPE_SECONDS / network.seconds)))
    width, height = pixels(case.size)
    command = pipe_command(
        {
            "filter": case.filter, "model": case.model, "device": case.device,
            "precision": case.precision, "backend": case.backend, "weights": weights,
            "width": width, "height": height, "length": frames,
        }
    )  # fmt: skip
    pipe = shlex.join(command)
    expected = repeats * (frames + 1) * network.seconds
    if expected > most_seconds:
        yield {"pipe": pipe, "missing": f"end to end: would take about {expected:.0f} s"}
        return
    runs: list[PipeRun] = []
    for number in range(1, repeats + 1):
        runs.append(run_pipe(command))
        yield {
            "pipe": pipe,
            "frames_per_second": median(run.frames_per_second for run in runs),
            "process_bytes": max(run.peak_bytes or 0 for run in runs) or None,
            "missing": f"end to end: {number} of {repeats} runs" if number < repeats else "",
        }


def measure_shells(size: str, *, device: str, repeats: int, frames: int) -> Shells:
    """Time `dblrgan`'s shell and the usual one in turn, each without a network.

    Raises:
        VideoError: vspipe is not there or fails.
    """
    width, height = pixels(size)
    facts = {"device": device, "width": width, "height": height}
    commands = {
        shell: pipe_command({"shell": shell, "length": length} | facts)
        for shell, length in (("identity", frames), ("rgb", max(1, frames // 4)))
    }
    rates: dict[str, list[float]] = {shell: [] for shell in commands}
    for _ in range(repeats):
        for shell, command in commands.items():
            rates[shell].append(run_pipe(command).frames_per_second)
    return Shells(
        identity=median(rates["identity"]),
        rgb=median(rates["rgb"]),
        commands=(shlex.join(commands["identity"]), shlex.join(commands["rgb"])),
    )


def pixels(size: str) -> tuple[int, int]:
    """Width and height of a frame: of a name in `SIZES`, or of "WxH"."""
    if size in SIZES:
        return SIZES[size]
    width, height = size.lower().split("x")
    return int(width), int(height)
