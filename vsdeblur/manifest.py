"""Reads `plugin_manifest.toml`: filters, their parameters and their weights.

In a checkout the manifest and the weights lie at its top; in a wheel they lie in the package.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .errors import OptionError

__all__ = ["FilterFacts", "ModelFacts", "Parameter", "PluginFacts", "load_manifest"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A filter's parameter: what may be given for it."""

    name: str
    type: str
    """"str", "int", "float", "bool" or "size" (a pair of ints: width, height)."""
    help: str
    default: Any = None
    optional: bool = False
    """Whether None may be given."""
    choices: tuple[str | int, ...] = ()
    """Allowed values; a final "N" of a text stands for any number."""
    min: float | None = None
    max: float | None = None
    temporal: bool = False
    """Says how a front end makes windows of frames; filters of single frames do not have it."""

    def check(self, value: object) -> Any:  # noqa: ANN401
        """Return the value in the parameter's type.

        Raises:
            OptionError: The value is not allowed; the text names it and what is.
        """
        if value is None and self.optional:
            return None
        converted = _converted(value, self.type)
        if converted is None:
            raise OptionError(f"{self.name} must be {self.allowed}, got {value!r}")
        if self.choices and not any(_matches(converted, choice) for choice in self.choices):
            if self.type == "str":
                raise OptionError(
                    f"unknown {self.name} {converted!r}; choose one of: {self._listed_choices}"
                )
            raise OptionError(f"{self.name} must be {self.allowed}, got {value!r}")
        if isinstance(converted, int | float) and not (
            (self.min is None or converted >= self.min)
            and (self.max is None or converted <= self.max)
        ):
            raise OptionError(f"{self.name} must be {self.allowed}, got {value!r}")
        return converted

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        words = {
            "str": "a text",
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "size": "a pair (width, height) of whole numbers above 0",
        }[self.type]
        if self.choices:
            words = f"one of: {self._listed_choices}"
        if self.min is not None or self.max is not None:
            words += f" from {self.min} to {self.max}"
        return words + (" or none" if self.optional else "")

    @property
    def _listed_choices(self) -> str:
        return ", ".join(map(str, self.choices))


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """A model of a filter and its weights file, if one is shipped."""

    name: str
    summary: str
    weights: Path | None = None
    sha256: str | None = None
    licence: str | None = None
    trained_on: str | None = None
    recipe: str | None = None
    scores: Mapping[str, float] | None = None
    """Measured figures; the key says which: see `FilterFacts.figures`."""
    auto_on: str | None = None
    """Type of device ("cuda") on which `model="auto"` takes this one, once it has weights."""


@dataclass(frozen=True, kw_only=True)
class FilterFacts:
    """What a filter does and takes."""

    name: str
    summary: str
    when: str
    """What to take it for."""
    temporal_radius: int
    multiplier: int
    reads: str
    """"luma" or "RGB"."""
    paper: str
    parameters: Mapping[str, Parameter]
    """All, its own first."""
    own_parameters: tuple[Parameter, ...]
    """Those that not every filter has."""
    models: Mapping[str, ModelFacts]
    figures: Mapping[str, str] = field(default_factory=dict)
    """Name of a measured figure (see `ModelFacts.scores`) -> how it is written."""

    def model(self, name: str, device_type: str = "cpu") -> ModelFacts:
        """A model by its name.

        Args:
            name: As in `models`; or "auto": the one that is meant for the device, else the first.
            device_type: Where it is to run: "cpu" or "cuda".
        """
        if name != "auto":
            return self.models[name]
        for model in self.models.values():
            if model.auto_on == device_type and model.weights is not None:
                return model
        return next(iter(self.models.values()))

    def check(self, options: Mapping[str, object]) -> dict[str, Any]:
        """Check options and fill in defaults.

        Raises:
            OptionError: An option is unknown or its value is not allowed.
        """
        unknown = sorted(options.keys() - self.parameters.keys())
        if unknown:
            known = ", ".join(self.parameters)
            raise OptionError(f"unknown parameter {unknown[0]!r}; choose one of: {known}")
        return {
            name: parameter.check(options.get(name, parameter.default))
            for name, parameter in self.parameters.items()
        }


@dataclass(frozen=True, kw_only=True)
class PluginFacts:
    """The whole manifest."""

    summary: str
    min_width: int
    min_height: int
    filters: Mapping[str, FilterFacts]

    def filter(self, name: str) -> FilterFacts:
        """Look a filter up.

        Raises:
            OptionError: There is none of that name.
        """
        if name not in self.filters:
            raise OptionError(f"unknown filter {name!r}; choose one of: {', '.join(self.filters)}")
        return self.filters[name]


@cache
def load_manifest() -> PluginFacts:
    """Read the manifest, once a process."""
    root = _root()
    values = tomllib.loads((root / "plugin_manifest.toml").read_text(encoding="utf-8"))
    plugin = values["plugin"]
    common = values["parameters"]
    return PluginFacts(
        summary=plugin["summary"],
        min_width=plugin["min_width"],
        min_height=plugin["min_height"],
        filters={n: _filter(n, facts, common, root) for n, facts in values["filters"].items()},
    )


def _root() -> Path:
    package = Path(__file__).resolve().parent
    return package if (package / "plugin_manifest.toml").is_file() else package.parent


def _filter(
    name: str, facts: dict[str, Any], common: list[dict[str, Any]], root: Path
) -> FilterFacts:
    own = tuple(_parameter(p) for p in facts.pop("parameters", []))
    shared = [p for p in map(_parameter, common) if facts["temporal_radius"] or not p.temporal]
    models = {n: _model(n, m, root) for n, m in facts.pop("models").items()}
    return FilterFacts(
        name=name,
        parameters={p.name: p for p in (*own, *shared)},
        own_parameters=own,
        models=models,
        **facts,
    )


def _parameter(facts: dict[str, Any]) -> Parameter:
    return Parameter(**facts | {"choices": tuple(facts.get("choices", ()))})


def _model(name: str, facts: dict[str, Any], root: Path) -> ModelFacts:
    weights = facts.pop("weights", None)
    return ModelFacts(name=name, weights=root / "weights" / weights if weights else None, **facts)


def _matches(value: object, choice: str | int) -> bool:
    if isinstance(choice, str) and choice.endswith(":N"):
        prefix = choice[:-1]
        return (
            isinstance(value, str) and value.startswith(prefix) and value[len(prefix) :].isdigit()
        )
    return value == choice


def _converted(value: object, kind: str) -> object:
    """The value in the given type, or None where it has another."""
    match kind, value:
        case "bool", bool():
            return value
        case (("int" | "float" | "str" | "size"), bool()):
            return None
        case ("int", int()) | ("str", str()):
            return value
        case "float", int() | float():
            return float(value)
        case "size", (int() as width, int() as height) if width > 0 and height > 0:
            return None if bool in (type(width), type(height)) else (width, height)
        case "str", Path():
            return str(value)
    return None
