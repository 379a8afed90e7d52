"""The algorithm of each filter, on tensors, and the one public way to get one."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import torch

from ..errors import WeightsError
from ..manifest import ModelFacts, load_manifest
from ..models import MODELS, ModelSpec
from ..runtime.compile import compile_network
from ..runtime.device import resolve_device, resolve_dtype
from ..runtime.network import Network
from ..runtime.weights import load_network, sha256_of
from .base import Restorer, window_offsets
from .dblrgan import WindowRestorer

__all__ = ["Restorer", "load_restorer", "window_offsets"]

_networks: dict[tuple[object, ...], tuple[Network, bool]] = {}
"""Loaded networks of this process: scripts are reloaded at every seek, networks are not."""
_networks_lock = Lock()


def load_restorer(
    name: str,
    *,
    model: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
    tile: tuple[int, int] | None = None,
    weights: str | Path | None = None,
) -> Restorer:
    """Load a filter's algorithm, ready to restore windows.

    Args:
        name: Filter, as in the manifest: "dblrgan".
        model: Model of the filter; None = its default.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto" or "eager".
        tile: Width and height of tiles in pixels; None = whole frames.
        weights: A .safetensors file to use in place of the packaged weights.

    Raises:
        OptionError: A name or value is not allowed.
        DeviceError: The device or precision is not available here.
        WeightsError: The weights are missing, damaged or of another model.
    """
    facts = load_manifest().filter(name)
    given: dict[str, object] = {
        "device": device,
        "precision": precision,
        "backend": backend,
        "tile": tile,
        "weights": weights,
    }
    options = facts.check(given | ({"model": model} if model is not None else {}))
    torch_device = resolve_device(options["device"])
    dtype = resolve_dtype(options["precision"], torch_device)
    path, sha256 = _weights_of(facts.models[options["model"]], options["weights"])
    spec = MODELS[name][options["model"]]
    key = (name, options["model"], options["backend"], torch_device, dtype)
    with _networks_lock:
        network, adds_middle_frame = _cached_network(key, spec, path, sha256)
    return WindowRestorer(
        network, spec, torch_device, options["tile"], adds_middle_frame=adds_middle_frame
    )


def _weights_of(model: ModelFacts, given: str | None) -> tuple[Path, str | None]:
    if given is not None:
        return Path(given), None
    if model.weights is None:
        raise WeightsError(
            f"no weights are shipped for model {model.name!r} yet; train it and give the file "
            "as weights=FILE, or use another model"
        )
    return model.weights, model.sha256


def _cached_network(
    key: tuple[object, ...], spec: ModelSpec, path: Path, sha256: str | None
) -> tuple[Network, bool]:
    name, model, backend, device, dtype = key
    # What the hash should be is part of the key: a file given by hand is not checked, ours is.
    identity = (*key, sha256_of(path) if path.is_file() else None, sha256)
    if identity not in _networks:
        network = load_network(
            spec.build, path, filter_name=str(name), model=str(model), sha256=sha256
        )
        assert isinstance(device, torch.device)
        assert isinstance(dtype, torch.dtype)
        form = spec.fold(network)
        compiled = compile_network(form.network, str(backend), device, dtype)
        _networks[identity] = (compiled, form.adds_middle_frame)
    return _networks[identity]
