"""A model that is ready to run, and what makes a filter's algorithm of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch

from ..models import ModelSpec
from ..runtime.network import Network
from ..runtime.tile_network import TileNetwork
from .base import Restorer

__all__ = ["LoadedModel", "RestorerFactory"]


class LoadedModel(NamedTuple):
    """A model, ready to run."""

    spec: ModelSpec
    device: torch.device
    """Where the networks run."""
    dtype: torch.dtype
    """In which they run."""
    networks: Mapping[str, Network]
    """Part of the model (see `ModelSpec.parts`) -> what runs it."""
    adds_middle_frame: bool
    """See `InferenceForm`."""
    tile_network: TileNetwork | None
    """What runs the first part over tiles, if it measures whole pictures."""


class RestorerFactory(Protocol):
    """Makes a filter's algorithm."""

    def __call__(
        self,
        loaded: LoadedModel,
        tile: tuple[int, int] | None,
        **options: Any,  # noqa: ANN401
    ) -> Restorer:
        """Make it.

        Args:
            loaded: The model.
            tile: Width and height of tiles in pixels; None = whole frames where they fit.
            options: The filter's own parameters, checked, but for the model.
        """
        ...
