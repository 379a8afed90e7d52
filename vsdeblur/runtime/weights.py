"""Weights files: half-precision safetensors that say which model they belong to."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import WeightsError

__all__ = [
    "WeightsInfo",
    "describe_weights",
    "load_network",
    "made_for",
    "read_weights",
    "save_weights",
    "sha256_of",
]

LARGEST, LONGEST = 8192, 64
"""Numbers and lists of options that a network may be built with."""


def load_network(
    build: Callable[..., nn.Module],
    path: Path,
    *,
    filter_name: str,
    model: str,
    sha256: str | None = None,
) -> nn.Module:
    """Build the network that a weights file is of, and fill it.

    Args:
        build: Returns the untrained network; takes the options that the file gives.
        path: A .safetensors file.
        filter_name: Filter the file must have been made for.
        model: Model the file must have been made for.
        sha256: Hash the file must have; None = any.

    Returns:
        The network in training form, float32 whatever the file's precision.

    Raises:
        WeightsError: The file is missing, truncated, has another hash or is of another model.
    """
    state, metadata = read_weights(path)
    is_for = (metadata.get("filter"), metadata.get("model"))
    if is_for != (filter_name, model):
        raise WeightsError(
            f"weights file {str(path)!r} is for filter {is_for[0]!r}, model {is_for[1]!r}; "
            f"expected {filter_name!r}, {model!r}"
        )
    if sha256 is not None and sha256_of(path) != sha256:
        raise WeightsError(
            f"weights file {str(path)!r} has sha256 {sha256_of(path)}, expected {sha256}; "
            "reinstall vsdeblur"
        )
    _refuse_non_finite(path, state)
    try:
        options = json.loads(metadata.get("options", "{}"))
        _refuse_huge(options)
        network = build(**options)
        network.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise WeightsError(
            f"weights file {str(path)!r} does not fit model {model!r}: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    return network


def made_for(path: Path) -> tuple[str, str]:
    """Filter and model that a weights file says it is for.

    Raises:
        WeightsError: The file is missing or truncated, or does not say it.
    """
    _, metadata = read_weights(path)
    if "filter" not in metadata or "model" not in metadata:
        raise WeightsError(
            f"weights file {str(path)!r} does not say what it is for; give a file that vsdeblur "
            "trained"
        )
    return metadata["filter"], metadata["model"]


@dataclass(frozen=True, kw_only=True)
class WeightsInfo:
    """A weights file in a few words."""

    metadata: Mapping[str, str]
    """What it says of itself; those of ours name at least their filter and model."""
    tensors: int
    numbers: int
    """In all tensors."""
    precisions: tuple[str, ...]
    """In which they are stored, as safetensors names them."""
    sha256: str


def describe_weights(path: Path) -> WeightsInfo:
    """Say what a weights file holds; its tensors are not read.

    Raises:
        WeightsError: The file is missing, truncated or not in safetensors format.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {str(path)!r}; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            slices = [file.get_slice(name) for name in file.keys()]  # noqa: SIM118
            return WeightsInfo(
                metadata=file.metadata() or {},
                tensors=len(slices),
                numbers=sum(math.prod(each.get_shape()) for each in slices),
                precisions=tuple(sorted({each.get_dtype() for each in slices})),
                sha256=sha256_of(path),
            )
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"weights file {str(path)!r} is truncated or not in safetensors format ({error}); "
            "fetch it again"
        ) from error


def _refuse_non_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse weights that are NaN or infinite: nothing comes of them.

    Raises:
        WeightsError: Some are.
    """
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(
                f"weights file {str(path)!r} holds NaN or infinite values in {name!r}: its "
                "training went astray; use other weights"
            )


def _refuse_huge(options: object) -> None:
    """Refuse numbers that would build a network beyond all memory before it is found not to fit.

    Raises:
        ValueError: There are some.
    """
    if isinstance(options, dict):
        for value in options.values():
            _refuse_huge(value)
    elif isinstance(options, list):
        if len(options) > LONGEST:
            raise ValueError(f"a list of {len(options)} options; at most {LONGEST} are allowed")
        for value in options:
            _refuse_huge(value)
    elif isinstance(options, int | float) and not abs(options) <= LARGEST:
        raise ValueError(f"option {options}; numbers up to {LARGEST} are allowed")


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (float32) and metadata of a weights file.

    Raises:
        WeightsError: The file is missing or truncated.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {str(path)!r}; check the path, or reinstall vsdeblur")
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"weights file {str(path)!r} is truncated or not in safetensors format ({error}); "
            "fetch it again"
        ) from error
    full = {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
    return full, metadata


def save_weights(
    path: Path,
    state: Mapping[str, Tensor],
    *,
    filter_name: str,
    model: str,
    options: Mapping[str, Any] | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a weights file in half precision; it appears whole or not at all.

    Args:
        path: File to write.
        state: The network's tensors.
        filter_name: Filter it is for.
        model: Model it is for.
        options: What the model must be built with.
        notes: Further facts for whoever opens the file.
    """
    half = {name: t.half() if t.is_floating_point() else t for name, t in state.items()}
    half = {name: t.detach().cpu().contiguous() for name, t in half.items()}
    beside = path.with_suffix(".partial")
    facts = {"filter": filter_name, "model": model, "options": json.dumps(dict(options or {}))}
    save_file(half, beside, facts | dict(notes or {}))
    os.replace(beside, path)


def sha256_of(path: Path) -> str:
    """Hex digest of a file; remembered while the file does not change."""
    facts = path.stat()
    return _sha256(path, facts.st_mtime_ns, facts.st_size)


@lru_cache
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
