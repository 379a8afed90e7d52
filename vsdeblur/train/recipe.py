"""A recipe: every setting of a training run, from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import DataError
from .pool import PoolSettings
from .synthesis import BlurSettings

__all__ = ["RECIPES", "Recipe", "load_recipe"]

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training run."""

    name: str
    """Name of the recipe, and of its file in `recipes/`."""
    filter: str
    """Filter whose model is trained."""
    model: str
    """Model that is trained, as the manifest names it."""
    steps: int
    """Optimiser steps of the whole run."""
    batch_size: int = 8
    """Crops a step."""
    crop: int = 128
    """Height and width of a crop, in pixels."""
    optimizer: str = "adamw"
    """"adamw", or "muon": Muon for the convolutions, AdamW for the rest."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    weight_decay: float = 1e-4
    """Decoupled weight decay."""
    warmup_steps: int = 200
    """Steps of linear warm-up."""
    decay_share: float = 0.4
    """Last part of the run in which the learning rate falls to zero (linearly)."""
    clip_norm: float = 0.5
    """Bound on the gradient's norm."""
    ema: float = 0.999
    """Decay of the exponential moving average of the weights; the average is what is kept."""
    losses: dict[str, float] = field(default_factory=lambda: {"charbonnier": 1.0})
    """Weight of each term: "mse", "charbonnier", "frequency", "psnr"."""
    seed: int = 1
    """Decides initial weights and all training material."""
    blur: BlurSettings = field(default_factory=BlurSettings)
    pool: PoolSettings = field(default_factory=PoolSettings)

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step: warm-up, plateau, linear decay.

        The plateau lets a run be lengthened: until the decay begins, nothing depends on `steps`.
        """
        warmup = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = (self.steps - step) / max(1.0, self.decay_share * self.steps)
        return self.learning_rate * min(warmup, left, 1.0)

    def as_dict(self) -> dict[str, Any]:
        """The resolved recipe, as plain values."""
        return asdict(self)


def load_recipe(name: str) -> Recipe:
    """Read a recipe by its name or from a TOML file.

    Raises:
        DataError: No such recipe, or an unknown or malformed key in it.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise DataError(f"no recipe {name!r}; choose one of: {known}, or give a .toml file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid TOML: {error}") from error
    sections = {"blur": BlurSettings, "pool": PoolSettings}
    for section, kind in sections.items():
        values[section] = _filled(kind, values.get(section, {}), f"{path}, [{section}]")
    recipe: Recipe = _filled(Recipe, {"name": path.stem} | values, str(path))
    return recipe


def _filled(kind: type, values: dict[str, Any], where: str) -> Any:  # noqa: ANN401
    known = {f.name for f in fields(kind)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise DataError(f"{where}: unknown key {unknown[0]!r}; allowed: {', '.join(sorted(known))}")
    lists_as_tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return kind(**lists_as_tuples)
    except TypeError as error:
        raise DataError(f"{where}: {error}") from error
