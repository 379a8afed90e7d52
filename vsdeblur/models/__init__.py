"""Every filter's models, by filter and name."""

from __future__ import annotations

from collections.abc import Mapping

from ..registry import FilterPart
from .spec import BRMRSpec, InferenceForm, ModelSpec

__all__ = ["MODELS", "BRMRSpec", "InferenceForm", "ModelSpec"]

MODELS: Mapping[str, Mapping[str, ModelSpec]] = FilterPart("models")
"""Filter name -> model name -> what it is."""
