"""The rows of `gpu_check`: a process that measures one when it is asked for it.

What it reads and writes are lines of JSON. Asked {"phase", "row", "seconds"} it answers
{"name", "text"} as often as there is something to say, and then {"end": true}; asked for the row ""
it says why none of the phase can be measured here, if so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from training_runs import ROOT

from vsdeblur.manifest import load_manifest

__all__ = ["PHASES", "Options", "Phase"]

TRAINED = ("fast", "paper")
"""Runs of training that are timed: that of the smallest steps, and that of the heaviest."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How rows are measured."""

    device: str = "cuda"
    size: str = "1080p"
    folder: Path
    """For what is written on the way."""
    tests: Path = ROOT / "tests"
    repeats: int = 15


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Rows of a kind, those that tell most first."""

    share: float
    """Of the whole time; what phases leave of theirs is shared by those that follow."""
    least: float
    """Seconds that are worth while."""
    rows: Callable[[], list[str]]
    module: str
    """It has `obstacle(phase, options)`: why no row can be measured, or None; and
    `measure(phase, row, seconds, options)`: gives names and texts."""


def models() -> list[str]:
    """Every model, "filter/model": those with weights first, of these the fast ones first."""
    filters = load_manifest().filters.values()
    offered = [(facts.name, model) for facts in filters for model in facts.models.values()]
    offered.sort(key=lambda each: (each[1].weights is None, each[1].name != "fast"))
    return [f"{name}/{model.name}" for name, model in offered]


def clips() -> list[str]:
    """Models that have weights, and the copies around a network alone."""
    facts = load_manifest()
    names = [name.split("/") for name in models()]
    packaged = [n for n in names if facts.filter(n[0]).models[n[1]].weights is not None]
    return [*map("/".join, packaged), "identity"]


PHASES = {
    "machine": Phase(share=0.05, least=10, rows=lambda: ["card", "rates"], module="gpu_machine"),
    "tests": Phase(share=0.15, least=25, rows=lambda: ["all"], module="gpu_tests"),
    "eager": Phase(share=0.2, least=15, rows=models, module="gpu_networks"),
    "tensorrt_rtx": Phase(share=0.08, least=15, rows=models, module="gpu_networks"),
    "tensorrt": Phase(share=0.08, least=15, rows=models, module="gpu_networks"),
    "inductor": Phase(share=0.12, least=15, rows=models, module="gpu_networks"),
    "vspipe": Phase(share=0.12, least=12, rows=clips, module="gpu_clips"),
    "files": Phase(
        share=0.05, least=12, rows=lambda: ["nvdec", "nvenc", "libx264"], module="gpu_clips"
    ),
    "training": Phase(share=0.15, least=25, rows=lambda: list(TRAINED), module="gpu_training"),
}
"""By name, in their order."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for on stdin, until that ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", default="1080p")
    parser.add_argument("--tests", type=Path, default=ROOT / "tests")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="gpu_check-") as folder:
        options = Options(**vars(given), folder=Path(folder))
        for line in sys.stdin:
            for name, text in answers(**json.loads(line), options=options):
                print(json.dumps({"name": name, "text": text}), flush=True)
            print(json.dumps({"end": True}), flush=True)


def answers(phase: str, row: str, seconds: float, options: Options) -> Iterator[tuple[str, str]]:
    """What there is to say of a row, as soon as it is known; whatever fails is said."""
    module = import_module(PHASES[phase].module)
    try:
        if row:
            yield from module.measure(phase, row, seconds, options)
        elif (why := module.obstacle(phase, options)) is not None:
            yield "", why
    except Exception as error:  # the next row may be had
        yield row, f"{type(error).__name__}: {_one_line(error)}"


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:240] if lines else "it does not say why"


if __name__ == "__main__":
    main()
