"""A recipe: every setting of a training run, stage by stage, from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import DataError
from .settings import BlurSettings, DrawSettings, PairSettings, PoolSettings, SequenceSettings

__all__ = ["RECIPES", "AdversarialSettings", "Recipe", "SourceSettings", "load_stages"]

RECIPES = Path(__file__).parent / "recipes"
DECAY_SHARE = 0.4
"""As usual, and where a recipe of constant rate is to be annealed."""


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """A kind of material that a run may be given."""

    kind: str = "photos"
    """"photos": sharp photos, blurred by the virtual camera; "drawings": such as are made by code,
    always there and without a folder; or a dataset of `data.datasets`."""
    weight: float = 1.0
    """How much of the material comes from here, in relation to the other sources given."""
    concert_share: float = 0.0
    """Share of the windows made from photos that are lit like a concert."""
    lamp_share: float = 0.0
    """Share of the windows made from photos whose highlights and added lamps are brighter than
    white."""
    pattern_share: float = 0.0
    """Share of the windows made from photos that are shown on a wall of diodes or striped."""


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings:
    """The discriminator of a stage and its part in the objective (paper 001, equation 5)."""

    weight: float = 0.0002
    """Weight of the adversarial term (alpha)."""
    learning_rate: float = 1e-5
    """Learning rate of the discriminator."""
    width: int = 64
    """Channels of the discriminator's first layers; the last have eight times as many."""
    hidden: int = 4096
    """Units of its first fully connected layer (`dblrgan`)."""
    map_weight: float = 0.0
    """Weight of what its heat maps are taught cell by cell (`brmr`); 0 = the paper's form."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training run, or of one stage of it."""

    name: str
    """Name of the recipe, and of its file in `recipes/`."""
    stage: str = ""
    """Name of the stage, and of its folder in the run's; empty in a recipe of one stage."""
    filter: str
    """Filter whose model is trained."""
    model: str
    """Model that is trained, as the manifest names it."""
    model_options: dict[str, Any] = field(default_factory=dict)
    """What the model is built with, such as `global_skip`."""
    sources: dict[str, SourceSettings] = field(default_factory=lambda: {"photos": SourceSettings()})
    """The material it can be trained on, by the name that `--data NAME=DIR` has."""
    initial_weights: str = "default"
    """"default": as the model has it; "normal": normally distributed, deviation 0.01 (001, IV.B);
    "dblrgan": brmr's image generator, and sequence's generator, begin with what that filter's
    packaged weights know; "fast": dblrgan's wider networks begin with what its model "fast" knows;
    "image": brmr's patch generator begins as a copy of its image generator.
    A later stage starts from the best weights of the one before it."""
    steps: int
    """Optimiser steps of the whole run."""
    batch_size: int = 8
    """Crops a step, over all devices."""
    crop: int = 128
    """Height and width of a crop, in pixels."""
    optimizer: str = "adamw"
    """"adamw" (Adam where `weight_decay` is 0), or "muon": Muon for the convolutions, AdamW for
    the rest."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    weight_decay: float = 1e-4
    """Decoupled weight decay."""
    warmup_steps: int = 200
    """Steps of linear warm-up."""
    decay_share: float = DECAY_SHARE
    """Last part of the run in which the learning rate falls to zero (linearly)."""
    plateau_patience: int = 0
    """Evaluations without a lower training loss after which the learning rate falls to a tenth,
    once (001, IV.B); 0 = never."""
    early_stop: int = 0
    """Evaluations without a better score after which the stage ends; 0 = never."""
    clip_norm: float = 0.5
    """Bound on the gradient's norm."""
    ema: float = 0.999
    """Decay of the exponential moving average of the weights; the average is what is kept."""
    losses: dict[str, float] = field(default_factory=lambda: {"charbonnier": 1.0})
    """Weight of each term: "l1", "mse", "charbonnier", "frequency", "psnr", "peaks"."""
    adversarial: AdversarialSettings | None = None
    """Discriminator of the stage; none = content loss alone."""
    seed: int = 1
    """Decides initial weights and all training material."""
    blur: BlurSettings = field(default_factory=BlurSettings)
    pool: PoolSettings = field(default_factory=PoolSettings)
    draws: DrawSettings = field(default_factory=DrawSettings)
    pairs: PairSettings = field(default_factory=PairSettings)
    sequence: SequenceSettings | None = None
    """What `sequence` is trained for; none = the paper's first stage, or another filter."""

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step: warm-up, plateau, linear decay.

        The plateau lets a run be lengthened: until the decay begins, nothing depends on `steps`.
        """
        warmup = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = (self.steps - step) / max(1.0, self.decay_share * self.steps)
        return self.learning_rate * min(warmup, left, 1.0)

    def annealed_learning_rate(self, step: int, part_over: float) -> float:
        """Learning rate where time decides: warm-up by steps, then plateau and decay by the clock.

        Args:
            step: Number of the step.
            part_over: How much of the time is over, 0 to 1.
        """
        warmup = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = (1 - part_over) / (self.decay_share or DECAY_SHARE)
        return self.learning_rate * min(warmup, left, 1.0)

    def as_dict(self) -> dict[str, Any]:
        """The resolved recipe, as plain values."""
        return asdict(self)


def load_stages(name: str) -> list[Recipe]:
    """Read a recipe by its name or from a TOML file: its stages in order, at least one.

    Keys at the top hold for every stage, those under [[stages]] for one.

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
    stages = values.pop("stages", [{}])
    recipes = [_recipe({"name": path.stem} | values | stage, path) for stage in stages]
    names = [recipe.stage for recipe in recipes]
    if len(recipes) > 1 and (len(set(names)) < len(names) or "" in names):
        raise DataError(f"{path}: every one of its [[stages]] needs a `stage` name of its own")
    return recipes


def _recipe(values: dict[str, Any], path: Path) -> Recipe:
    sections = {
        "blur": BlurSettings,
        "pool": PoolSettings,
        "draws": DrawSettings,
        "pairs": PairSettings,
        "adversarial": AdversarialSettings,
        "sequence": SequenceSettings,
    }
    for section, kind in sections.items():
        if section in values:
            values[section] = _filled(kind, values[section], f"{path}, [{section}]")
    if "sources" in values:
        values["sources"] = {
            source: _filled(SourceSettings, settings, f"{path}, [sources.{source}]")
            for source, settings in values["sources"].items()
        }
    recipe: Recipe = _filled(Recipe, values, str(path))
    return recipe


def _filled(kind: type, values: Mapping[str, Any], where: str) -> Any:  # noqa: ANN401
    known = {f.name for f in fields(kind)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise DataError(f"{where}: unknown key {unknown[0]!r}; allowed: {', '.join(sorted(known))}")
    lists_as_tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return kind(**lists_as_tuples)
    except TypeError as error:
        raise DataError(f"{where}: {error}") from error
