"""Scores of weights on the fixed synthetic benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.psnr import BANDS
from ..manifest import load_manifest
from ..restorers import Restorer, load_restorer
from ..runtime.weights import made_for
from .metrics.fidelity import luma_of, to_8bit
from .synthetic import SUBSETS, SyntheticWindow, luma_psnr

__all__ = ["ModelScore", "counts", "score_packaged_weights", "score_restorer", "score_weights"]

type Table[Value] = Mapping[str, Mapping[str, Value]]
"""By subset, then by band of the input; only bands that hold a window."""


@dataclass(frozen=True, kw_only=True)
class ModelScore:
    """What a model gains."""

    filter: str
    model: str
    gain: Table[float]
    """Mean gain in luma PSNR over the blurred input, in dB."""

    @property
    def mean_gain(self) -> float:
        """Mean over the subsets of the gain on input of 22 to 32 dB."""
        gains = [bands["22-32"] for bands in self.gain.values() if "22-32" in bands]
        return sum(gains) / len(gains)


def score_packaged_weights(
    windows: Sequence[SyntheticWindow], *, device: str = "auto"
) -> Iterator[ModelScore]:
    """Score every model of every filter that has weights.

    Args:
        windows: The benchmark, made from photos that no weights were trained on.
        device: Where the networks run.

    Raises:
        DeviceError: The device is not available here.
        WeightsError: A weights file is missing or damaged.
    """
    for facts in load_manifest().filters.values():
        for model in facts.models.values():
            if model.weights is not None:
                restorer = load_restorer(facts.name, model=model.name, device=device)
                gain = score_restorer(restorer, windows)
                yield ModelScore(filter=facts.name, model=model.name, gain=gain)


def score_weights(
    file: Path, windows: Sequence[SyntheticWindow], *, device: str = "auto"
) -> ModelScore:
    """Score a weights file, of the filter and model that it says it is for.

    Args:
        file: A .safetensors file.
        windows: As for `score_packaged_weights`.
        device: Where the network runs.

    Raises:
        DeviceError: The device is not available here.
        WeightsError: The file is missing, damaged or says nothing.
    """
    filter_name, model = made_for(file)
    restorer = load_restorer(filter_name, model=model, device=device, weights=file)
    gain = score_restorer(restorer, windows)
    return ModelScore(filter=filter_name, model=f"{model}, {file.name}", gain=gain)


def score_restorer(restorer: Restorer, windows: Sequence[SyntheticWindow]) -> Table[float]:
    """Mean gain in luma PSNR by subset and band, in dB; windows go in one by one, as in a filter.

    Of a restorer that makes several frames out of one, the middle one counts. A restorer of RGB
    gets grey pictures.
    """
    gains = [luma_psnr(_restored(restorer, w), w.sharp) - w.input_psnr for w in windows]
    return {
        subset: {band: sum(gains[i] for i in members) / len(members) for band, members in bands}
        for subset, bands in _members(windows)
    }


def counts(windows: Sequence[SyntheticWindow]) -> Table[int]:
    """Windows by subset and band."""
    return {
        subset: {band: len(members) for band, members in bands}
        for subset, bands in _members(windows)
    }


def _members(
    windows: Sequence[SyntheticWindow],
) -> Iterator[tuple[str, list[tuple[str, list[int]]]]]:
    """Numbers of the windows in each band of each subset."""
    for subset in SUBSETS:
        bands = []
        for band, (low, high) in BANDS.items():
            members = [
                i for i, w in enumerate(windows) if w.subset == subset and low <= w.band_psnr < high
            ]
            if members:
                bands.append((band, members))
        yield subset, bands


def _restored(restorer: Restorer, window: SyntheticWindow) -> NDArray[np.uint8]:
    middle = len(window.blurred) // 2
    frames = window.blurred[middle - restorer.radius : middle + restorer.radius + 1]
    given = torch.from_numpy(frames)[:, None].expand(-1, restorer.channels, -1, -1)
    output = restorer.restore(given.to(restorer.device).float() / 255)
    frame = output[restorer.multiplier // 2]
    luma = luma_of(frame) if restorer.channels == 3 else frame
    return to_8bit(luma)[0].byte().cpu().numpy()
