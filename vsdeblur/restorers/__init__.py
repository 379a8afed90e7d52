"""The algorithm of each filter, on tensors, and the one public way to get one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import torch

from ..errors import OptionError, WeightsError
from ..manifest import ModelFacts, load_manifest
from ..models import MODELS, BRMRSpec, ModelSpec
from ..runtime.compile import compile_network
from ..runtime.device import resolve_device, resolve_dtype
from ..runtime.network import Network
from ..runtime.weights import load_network, sha256_of
from .base import Restorer, window_offsets
from .brmr import BRMROptions, BRMRRestorer
from .dblrgan import WindowRestorer
from .sequence import SequenceOptions, SequenceRestorer

__all__ = ["Restorer", "load_restorer", "window_offsets"]


class _Loaded(NamedTuple):
    """A model, ready to run."""

    networks: Mapping[str, Network]
    """Part of the model (see `ModelSpec.parts`) -> what runs it."""
    adds_middle_frame: bool
    """See `InferenceForm`."""
    dtype: torch.dtype
    """In which the networks run."""


_loaded: dict[tuple[object, ...], _Loaded] = {}
"""Loaded networks of this process: scripts are reloaded at every seek, networks are not."""
_loaded_lock = Lock()


def _dblrgan(
    loaded: _Loaded,
    spec: ModelSpec,
    device: torch.device,
    tile: tuple[int, int] | None,
    **options: Any,  # noqa: ANN401
) -> Restorer:
    return WindowRestorer(
        loaded.networks[""],
        spec,
        device,
        tile,
        adds_middle_frame=loaded.adds_middle_frame,
        frame_type=loaded.dtype,
        **options,
    )


def _brmr(
    loaded: _Loaded,
    spec: ModelSpec,
    device: torch.device,
    tile: tuple[int, int] | None,
    **options: Any,  # noqa: ANN401
) -> Restorer:
    assert isinstance(spec, BRMRSpec)
    return BRMRRestorer(
        loaded.networks,
        spec,
        device,
        tile,
        BRMROptions(**options),
        adds_middle_frame=loaded.adds_middle_frame,
    )


def _sequence(
    loaded: _Loaded,
    spec: ModelSpec,
    device: torch.device,
    tile: tuple[int, int] | None,
    **options: Any,  # noqa: ANN401
) -> Restorer:
    return SequenceRestorer(
        loaded.networks[""],
        spec,
        device,
        tile,
        SequenceOptions(**options),
        adds_middle_frame=loaded.adds_middle_frame,
    )


_RESTORERS: dict[str, Callable[..., Restorer]] = {
    "dblrgan": _dblrgan,
    "brmr": _brmr,
    "sequence": _sequence,
}
"""Filter name -> makes its algorithm; what follows the tile are the filter's own parameters."""


def load_restorer(
    name: str,
    *,
    model: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    tile: tuple[int, int] | None = None,
    weights: str | Path | None = None,
    **options: object,
) -> Restorer:
    """Load a filter's algorithm, ready to restore windows.

    Args:
        name: Filter, as in the manifest: "dblrgan", "brmr" or "sequence".
        model: Model of the filter; None = its default.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto" or "eager".
        tile: Width and height of tiles in pixels; None = whole frames.
        weights: A .safetensors file to use in place of the packaged weights.
        options: The filter's own parameters, as in the manifest.

    Raises:
        OptionError: A name or value is not allowed.
        DeviceError: The device or precision is not available here.
        WeightsError: The weights are missing, damaged or of another model.
    """
    facts = load_manifest().filter(name)
    for temporal in [p.name for p in facts.parameters.values() if p.temporal]:
        if temporal in options:
            raise OptionError(f"{temporal} is the front end's: a restorer is given whole windows")
    given = options | {
        "device": device,
        "precision": precision,
        "backend": backend,
        "tile": tile,
        "weights": weights,
    }
    checked = facts.check(given | ({"model": model} if model is not None else {}))
    torch_device = resolve_device(checked["device"])
    dtype = resolve_dtype(checked["precision"], torch_device)
    path, sha256 = _weights_of(facts.models[checked["model"]], checked["weights"])
    spec = MODELS[name][checked["model"]]
    key = (name, checked["model"], checked["backend"], torch_device, dtype)
    with _loaded_lock:
        loaded = _cached(key, spec, path, sha256)
    own = {p.name: checked[p.name] for p in facts.own_parameters if p.name != "model"}
    return _RESTORERS[name](loaded, spec, torch_device, checked["tile"], **own)


def _weights_of(model: ModelFacts, given: str | None) -> tuple[Path, str | None]:
    if given is not None:
        return Path(given), None
    if model.weights is None:
        raise WeightsError(
            f"no weights are shipped for model {model.name!r} yet; train it and give the file "
            "as weights=FILE, or use another model"
        )
    return model.weights, model.sha256


def _cached(key: tuple[object, ...], spec: ModelSpec, path: Path, sha256: str | None) -> _Loaded:
    name, model, backend, device, dtype = key
    # What the hash should be is part of the key: a file given by hand is not checked, ours is.
    identity = (*key, sha256_of(path) if path.is_file() else None, sha256)
    if identity not in _loaded:
        network = load_network(
            spec.build, path, filter_name=str(name), model=str(model), sha256=sha256
        )
        assert isinstance(device, torch.device)
        assert isinstance(dtype, torch.dtype)
        form = spec.fold(network)
        networks = {
            part: compile_network(form.network.get_submodule(part), str(backend), device, dtype)
            for part in spec.parts
        }
        _loaded[identity] = _Loaded(networks, form.adds_middle_frame, dtype)
    return _loaded[identity]
