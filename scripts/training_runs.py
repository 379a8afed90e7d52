"""The runs that make the packaged weights better, in the order of need; `train_for` starts them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "RUNS", "Run", "lanes_of", "recipe_for", "start_of"]

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "vsdeblur" / "train" / "recipes"
POOL_ON_CARD = {"capacity": 12288, "initial": 3072, "reuse": 64}
"""More windows, each used more often: a card learns from them faster than it makes them."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run that goes on from weights."""

    name: str
    recipe: str
    """A recipe of the package."""
    start: tuple[str, ...]
    """Weights it goes on from, below `weights/`: the first that is there."""
    stages: tuple[str, ...] = ()
    """Stages of the recipe that a run of minutes has time for; () = all."""
    on_card: Mapping[str, Any] = field(default_factory=dict)
    """Settings that suit a card better than the recipe's, which suit two cores; what a table does
    not name stays."""


RUNS = {
    run.name: run
    for run in (
        # The best of dblrgan's, and slow on a CPU: what a card is rented for.
        Run(
            name="quality",
            recipe="dblrgan-quality",
            start=("dblrgan/quality",),
            on_card={"pool": POOL_ON_CARD},
        ),
        # What most people run.
        Run(
            name="fast",
            recipe="dblrgan-fast",
            start=("dblrgan/fast",),
            on_card={"batch_size": 128, "pool": POOL_ON_CARD},
        ),
        # Where it goes on it gains more than what is packaged, but loses too much on sharp input.
        Run(
            name="sequence",
            recipe="sequence",
            start=("sequence/start", "sequence/fast"),
            stages=("base", "hepta"),
            on_card={"batch_size": 64, "pool": POOL_ON_CARD},
        ),
        # Its image generator: critic and patch generator stay as they were.
        Run(
            name="brmr",
            recipe="brmr",
            start=("brmr/fast",),
            stages=("finish",),
            on_card={"batch_size": 48, "pool": POOL_ON_CARD},
        ),
        # The network of the paper, for comparisons.
        Run(
            name="paper",
            recipe="dblrgan",
            start=("dblrgan/paper",),
            stages=("dblrnet",),
            on_card={"batch_size": 32, "pool": POOL_ON_CARD},
        ),
    )
}
"""By name; what needs training most comes first."""
LANES_ON_A_CARD = ("quality", "fast", "sequence,brmr")
LANES_ON_A_CPU = ("fast",)


def lanes_of(names: Sequence[str], *, on_card: bool, side_by_side: bool = False) -> list[list[str]]:
    """Runs that go beside each other, each lane with the names that run one after another.

    Args:
        names: Names, or several joined by commas for one lane; none = what needs it most.
        on_card: On a CPU there is one lane, unless `side_by_side`: runs would wait for each other.
        side_by_side: See `on_card`.

    Raises:
        ValueError: A name is unknown or given twice; the text is one line.
    """
    given = names or (LANES_ON_A_CARD if on_card else LANES_ON_A_CPU)
    lanes = [lane.split(",") for lane in given]
    every = [name for lane in lanes for name in lane]
    for name in every:
        if name not in RUNS:
            raise ValueError(f"no run {name!r}; choose from: {', '.join(RUNS)}")
        if every.count(name) > 1:
            raise ValueError(f"run {name!r} is given twice; give each once")
    return lanes if on_card or side_by_side else [every]


def start_of(run: Run, folder: Path | None = None) -> Path:
    """The weights a run goes on from.

    Args:
        run: The run.
        folder: Where newer ones may lie, as NAME.safetensors of the run's name.

    Raises:
        ValueError: There are none.
    """
    below = [ROOT / "weights" / f"{place}.safetensors" for place in run.start]
    newer = [] if folder is None else [folder / f"{run.name}.safetensors"]
    for file in [*newer, *below]:
        if file.is_file():
            return file
    raise ValueError(f"run {run.name!r} has no weights to go on from: {below[-1]} is missing")


def recipe_for(run: Run, folder: Path, *, on_card: bool) -> str:
    """What `vsdeblur train` is given as recipe: its name, or a file written into a folder."""
    settings = dict(run.on_card) if on_card else {}
    if not settings and not run.stages:
        return run.recipe
    values = tomllib.loads((RECIPES / f"{run.recipe}.toml").read_text(encoding="utf-8"))
    for name, table in settings.items():
        if isinstance(table, Mapping):
            settings[name] = values.get(name, {}) | table
    values |= settings
    if run.stages:
        kept = [each | settings for each in values["stages"] if each["stage"] in run.stages]
        values["stages"] = kept
    file = folder / f"{run.recipe}.toml"
    file.write_text(_as_toml(values), encoding="utf-8")
    return str(file)


def _as_toml(values: Mapping[str, Any]) -> str:
    """A recipe as TOML."""
    stages = values.get("stages", [])
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if key != "stages"]
    for stage in stages:
        lines += ["", "[[stages]]", *(f"{key} = {_value(value)}" for key, value in stage.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # JSON has another word for infinity
    return json.dumps(value)
