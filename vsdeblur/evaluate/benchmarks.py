"""Scores of all packaged weights on the fixed synthetic set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..manifest import load_manifest
from ..restorers import Restorer, load_restorer
from ..train.photos import find_photos
from ..train.validation import Score, ValidationSet

__all__ = ["Result", "score_packaged_weights", "score_restorer"]

NUM_WINDOWS = 160
"""Blurred windows in the set; a quarter as many sharp ones come on top."""


class Result(NamedTuple):
    """Scores of one model."""

    filter: str
    model: str
    score: Score


def score_packaged_weights(
    folders: Sequence[Path], *, device: str = "auto", num_windows: int = NUM_WINDOWS
) -> Iterator[Result]:
    """Score every model of every filter that has weights.

    Args:
        folders: Sharp photos that no weights were trained on.
        device: Where the networks run.
        num_windows: Blurred windows in the set.

    Raises:
        DataError: A folder is missing or holds no photo.
    """
    windows = ValidationSet.from_files(find_photos(folders), num_windows=num_windows)
    for facts in load_manifest().filters.values():
        for model in facts.models.values():
            if model.weights is not None:
                restorer = load_restorer(facts.name, model=model.name, device=device)
                yield Result(facts.name, model.name, score_restorer(restorer, windows))


def score_restorer(restorer: Restorer, windows: ValidationSet) -> Score:
    """Score a luma restorer, frame by frame as the filters call it."""

    def restore(batch: Tensor) -> Tensor:
        frames = batch.unsqueeze(2).to(restorer.device)  # (N, T, H, W) -> (N, T, 1, H, W)
        return torch.cat([restorer.restore(window) for window in frames])

    return windows.score(windows.restore(restore))
