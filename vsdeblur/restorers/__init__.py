"""The algorithm of each filter, on tensors, and the one public way to get one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import torch

from ..errors import OptionError
from ..manifest import load_manifest
from ..models import MODELS, BRMRSpec, ModelSpec
from ..runtime.backends.engine_cache import EngineCache, cache_folder
from ..runtime.compile import compile_network
from ..runtime.device import resolve_device, resolve_dtype
from ..runtime.network import Network
from ..runtime.tile_network import TileNetwork
from ..runtime.weights import sha256_of
from .base import Restorer
from .brmr.restorer import BRMROptions, BRMRRestorer
from .dblrgan import WindowRestorer
from .loading import find_weights, load_parts
from .sequence import SequenceOptions, SequenceRestorer

__all__ = ["Restorer", "load_restorer"]


class _Loaded(NamedTuple):
    """A model, ready to run."""

    networks: Mapping[str, Network]
    """Part of the model (see `ModelSpec.parts`) -> what runs it."""
    adds_middle_frame: bool
    """See `InferenceForm`."""
    dtype: torch.dtype
    """In which the networks run."""
    tile_network: TileNetwork | None
    """What runs the first part over tiles, if it measures whole pictures."""


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
        tile_network=loaded.tile_network,
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
        tile_network=loaded.tile_network,
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
    cache: str | Path | None = None,
    **options: object,
) -> Restorer:
    """Load a filter's algorithm, ready to restore windows.

    Args:
        name: Filter, as in the manifest: "dblrgan", "brmr" or "sequence".
        model: Model of the filter; None = its default.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto", "tensorrt_rtx", "tensorrt", "eager" or "inductor".
        tile: Width and height of tiles in pixels; None = whole frames.
        weights: A .safetensors file to use in place of the packaged weights.
        cache: Folder of compiled engines; None = that of VSDEBLUR_CACHE, or the user's.
        options: The filter's own parameters, as in the manifest.

    Raises:
        OptionError: A name or value is not allowed.
        DeviceError: The device or precision is not available here.
        WeightsError: The weights are missing, damaged or of another model.
        EngineError: The backend asked for cannot run here, or cannot compile the model.
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
        "cache": cache,
    }
    checked = facts.check(given | ({"model": model} if model is not None else {}))
    torch_device = resolve_device(checked["device"])
    dtype = resolve_dtype(checked["precision"], torch_device)
    path, sha256 = find_weights(facts.models[checked["model"]], checked["weights"])
    own = {p.name: checked[p.name] for p in facts.own_parameters if p.name != "model"}
    spec = MODELS[name][checked["model"]]
    request = _Request(
        filter_name=name,
        model=checked["model"],
        backend=checked["backend"],
        device=torch_device,
        dtype=dtype,
        dropout=bool(own.get("dropout")),
        cache=cache_folder(checked["cache"]),
    )
    with _loaded_lock:
        loaded = _cached(request, path, sha256)
    return _RESTORERS[name](loaded, spec, torch_device, checked["tile"], **own)


class _Request(NamedTuple):
    """What is to be loaded, but for the weights."""

    filter_name: str
    model: str
    backend: str
    device: torch.device
    dtype: torch.dtype
    dropout: bool
    cache: Path


def _cached(request: _Request, path: Path, sha256: str | None) -> _Loaded:
    # What the hash should be is part of the key: a file given by hand is not checked, ours is.
    identity = (*request, sha256_of(path) if path.is_file() else None, sha256)
    if identity not in _loaded:
        sources, adds_middle_frame = load_parts(
            request.filter_name, request.model, path, sha256=sha256, dropout=request.dropout
        )
        compiled = partial(
            compile_network,
            backend=request.backend,
            device=request.device,
            dtype=request.dtype,
            cache=EngineCache(request.cache),
        )
        first = next(iter(sources.values()))
        _loaded[identity] = _Loaded(
            {part: compiled(source) for part, source in sources.items()},
            adds_middle_frame,
            request.dtype,
            TileNetwork(first, compiled, request.device) if first.measuring else None,
        )
    return _loaded[identity]
