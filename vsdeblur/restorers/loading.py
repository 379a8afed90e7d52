"""A model's networks, loaded and folded, before a backend has made them run."""

from __future__ import annotations

import copy
from pathlib import Path

from ..errors import WeightsError
from ..manifest import ModelFacts
from ..models import MODELS
from ..runtime.network import NetworkSource
from ..runtime.weights import load_network, sha256_of

__all__ = ["find_weights", "load_parts"]


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
