"""The algorithm of each filter, on tensors, and the one public way to get one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from ..errors import OptionError, WeightsError
from ..manifest import ModelFacts, load_manifest
from ..models import MODELS, BRMRSpec, ModelSpec
from ..runtime.compile import compile_network
from ..runtime.device import resolve_device, resolve_dtype
from ..runtime.network import Network
from ..runtime.weights import load_weights, sha256_of
from .base import Restorer, window_offsets
from .brmr import BRMROptions, BRMRRestorer
from .dblrgan import WindowRestorer

__all__ = ["Restorer", "load_restorer", "window_offsets"]

type _Networks = Mapping[str, Network]
"""Part of a model (see `ModelSpec.parts`) -> what runs it."""

_networks: dict[tuple[object, ...], _Networks] = {}
"""Loaded networks of this process: scripts are reloaded at every seek, networks are not."""
_networks_lock = Lock()


def _dblrgan(
    networks: _Networks, spec: ModelSpec, device: torch.device, tile: tuple[int, int] | None
) -> Restorer:
    return WindowRestorer(networks[""], spec, device, tile)


def _brmr(
    networks: _Networks,
    spec: ModelSpec,
    device: torch.device,
    tile: tuple[int, int] | None,
    **options: Any,  # noqa: ANN401
) -> Restorer:
    assert isinstance(spec, BRMRSpec)
    return BRMRRestorer(networks, spec, device, tile, BRMROptions(**options))


_RESTORERS: dict[str, Callable[..., Restorer]] = {"dblrgan": _dblrgan, "brmr": _brmr}
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
        name: Filter, as in the manifest: "dblrgan" or "brmr".
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
    with _networks_lock:
        networks = _cached_networks(key, spec, path, sha256)
    own = {p.name: checked[p.name] for p in facts.own_parameters if p.name != "model"}
    return _RESTORERS[name](networks, spec, torch_device, checked["tile"], **own)


def _weights_of(model: ModelFacts, given: str | None) -> tuple[Path, str | None]:
    if given is not None:
        return Path(given), None
    if model.weights is None:
        raise WeightsError(
            f"no weights are shipped for model {model.name!r} yet; train it and give the file "
            "as weights=FILE, or use another model"
        )
    return model.weights, model.sha256


def _cached_networks(
    key: tuple[object, ...], spec: ModelSpec, path: Path, sha256: str | None
) -> _Networks:
    name, model, backend, device, dtype = key
    # What the hash should be is part of the key: a file given by hand is not checked, ours is.
    identity = (*key, sha256_of(path) if path.is_file() else None, sha256)
    if identity not in _networks:
        network = spec.build()
        load_weights(network, path, filter_name=str(name), model=str(model), sha256=sha256)
        assert isinstance(device, torch.device)
        assert isinstance(dtype, torch.dtype)
        folded = spec.fold(network)
        _networks[identity] = {
            part: compile_network(folded.get_submodule(part), str(backend), device, dtype)
            for part in spec.parts
        }
    return _networks[identity]
