"""Loads a filter's algorithm; and a model's networks, before a backend has made them run."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import torch

from ..errors import OptionError, WeightsError
from ..manifest import FilterFacts, ModelFacts, load_manifest
from ..models import MODELS
from ..registry import FilterPart
from ..runtime.backends.engine_cache import EngineCache, cache_folder
from ..runtime.compile import announce, compile_network
from ..runtime.device import resolve_device, resolve_dtype
from ..runtime.network import NetworkSource
from ..runtime.tile_network import TileNetwork
from ..runtime.weights import load_network, made_for, sha256_of
from .base import Restorer
from .loaded_model import LoadedModel, RestorerFactory

__all__ = ["find_weights", "load_parts", "load_restorer", "model_for"]

FACTORIES: Mapping[str, RestorerFactory] = FilterPart("restorer")
"""Filter name -> makes its algorithm."""

_loaded: dict[tuple[object, ...], LoadedModel] = {}
"""Loaded models of this process: scripts are reloaded at every seek, networks are not."""
_loaded_lock = Lock()


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
        name: Filter, as in the manifest, such as "dblrgan".
        model: Model of the filter; None = its default.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        backend: "auto", "tensorrt_rtx", "tensorrt", "openvino", "eager", "inductor",
            "openvino:GPU" or "openvino:NPU".
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
    given = options | {
        "device": device,
        "precision": precision,
        "backend": backend,
        "tile": tile,
        "weights": weights,
        "cache": cache,
    }
    checked = _checked(facts, given | ({"model": model} if model is not None else {}))
    loaded = _load_model(facts, checked)
    own = {p.name: checked[p.name] for p in facts.own_parameters if p.name != "model"}
    return FACTORIES[name](loaded, checked["tile"], **own)


def _checked(facts: FilterFacts, options: Mapping[str, object]) -> dict[str, Any]:
    """Options of a restorer, checked, with defaults.

    Raises:
        OptionError: One is not allowed, or is the front end's.
    """
    for temporal in [p.name for p in facts.parameters.values() if p.temporal]:
        if temporal in options:
            raise OptionError(f"{temporal} is the front end's: a restorer is given whole windows")
    return facts.check(options)


class _Request(NamedTuple):
    """What is to be loaded, but for the weights."""

    filter_name: str
    model: str
    backend: str
    device: torch.device
    dtype: torch.dtype
    dropout: bool
    cache: Path


def _load_model(facts: FilterFacts, checked: Mapping[str, Any]) -> LoadedModel:
    """Load what the checked options ask for, or take it from what is loaded already."""
    device = resolve_device(checked["device"])
    dtype = resolve_dtype(checked["precision"], device)
    model = _chosen_model(facts, checked["model"], checked["weights"], device)
    path, sha256 = find_weights(model, checked["weights"])
    request = _Request(
        filter_name=facts.name,
        model=model.name,
        backend=checked["backend"],
        device=device,
        dtype=dtype,
        dropout=bool(checked.get("dropout")),
        cache=cache_folder(checked["cache"]),
    )
    # What the hash should be is part of the key: a file given by hand is not checked, ours is.
    identity = (*request, sha256_of(path) if path.is_file() else None, sha256)
    with _loaded_lock:
        if identity not in _loaded:
            _loaded[identity] = _compiled(request, path, sha256)
        return _loaded[identity]


def model_for(
    facts: FilterFacts, name: str, weights: str | Path | None, device_type: str
) -> ModelFacts:
    """The model that is asked for; of "auto", what suits the weights or the device.

    Raises:
        WeightsError: The weights are missing or truncated, or do not say what they are for.
    """
    if name == "auto" and weights is not None:
        _, of_model = made_for(Path(weights))
        return facts.models.get(of_model, facts.model(name))  # of another filter: refused later
    return facts.model(name, device_type)


def _chosen_model(
    facts: FilterFacts, name: str, weights: str | Path | None, device: torch.device
) -> ModelFacts:
    """The model that is asked for; of "auto", what suits the weights or the device, and say so."""
    model = model_for(facts, name, weights, device.type)
    if name != "auto" or weights is not None:
        return model
    others = [m.name for m in facts.models.values() if m.auto_on and m.weights and m is not model]
    if model.auto_on:
        announce(f"model: {model.name} on {device}, the best that runs live there")
    elif others:
        announce(f"model: {model.name} on {device} ({others[0]} is for GPUs: model={others[0]!r})")
    return model


def _compiled(request: _Request, path: Path, sha256: str | None) -> LoadedModel:
    """Load a model from its weights file and let the backend make it run."""
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
    return LoadedModel(
        spec=MODELS[request.filter_name][request.model],
        device=request.device,
        dtype=request.dtype,
        networks={part: compiled(source) for part, source in sources.items()},
        adds_middle_frame=adds_middle_frame,
        tile_network=TileNetwork(first, compiled, request.device) if first.measuring else None,
    )


def find_weights(model: ModelFacts, given: str | Path | None) -> tuple[Path, str | None]:
    """A model's weights file, and the hash it must have; None = any.

    Args:
        model: The manifest's facts of the model.
        given: A file to use in place of the packaged one.

    Raises:
        WeightsError: None is given, and none is shipped.
    """
    if given is not None:
        return Path(given), None
    if model.weights is None:
        raise WeightsError(
            f"no weights are shipped for model {model.name!r} yet; train it and give the file "
            "as weights=FILE, or use another model"
        )
    return model.weights, model.sha256


def load_parts(
    filter_name: str,
    model: str,
    path: Path,
    *,
    sha256: str | None = None,
    dropout: bool = False,
) -> tuple[dict[str, NetworkSource], bool]:
    """Load a model's inference form.

    Args:
        filter_name: Filter, as in the manifest.
        model: Model of the filter.
        path: Its weights file.
        sha256: Hash the file must have; None = any.
        dropout: Whether dropout may be asked for when it runs.

    Returns:
        Part of the model (see `ModelSpec.parts`) -> its network; and whether the caller adds the
        middle frame (see `InferenceForm`).

    Raises:
        WeightsError: The file is missing, damaged, has another hash or is of another model.
    """
    spec = MODELS[filter_name][model]
    network = load_network(spec.build, path, filter_name=filter_name, model=model, sha256=sha256)
    form = spec.fold(network)
    digest = sha256_of(path)
    sources = {
        part: NetworkSource(
            name="-".join(filter(None, (filter_name, model, part))),
            module=form.network.get_submodule(part),
            channels=channels,
            multiple_of=1 if spec.pads_itself else spec.multiple_of,
            digest=digest,
            dropout=dropout,
            # A copy: backends change the other, and tiles may be asked for at any time.
            measuring=copy.deepcopy(form.measuring) if part == spec.parts[0] else None,
        )
        for part, channels in zip(spec.parts, spec.channels_in, strict=True)
    }
    return sources, form.adds_middle_frame
