"""The tensorrt_rtx backend: TensorRT for RTX, whose engines are built anywhere, in a second.

An engine is portable over GeForce and RTX cards from the 30 series on and takes frames of any
size. It is built from the ONNX model without a GPU; the card's own kernels are made when it first
runs, and kept beside it.
"""

from __future__ import annotations

import re
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ...errors import EngineError
from ...models.measured import TileForm
from ..network import Network, NetworkSource
from ..quiet import stdout_to_stderr
from .engine_cache import EngineCache, code_digest
from .onnx import onnx_file, onnx_versions
from .self_test import check_by_trial
from .tensorrt_rtx_build import build_engine, build_obstacle, rtx_library

__all__ = [
    "compile_tensorrt_rtx", "engine_file", "tensorrt_rtx_obstacle", "tensorrt_rtx_versions",
]  # fmt: skip

NOT_PORTABLE = (7, 5)
"""Turing: the library knows it, but portable engines do not run on it."""


def tensorrt_rtx_obstacle(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this backend cannot run there, and the cure; None = it can."""
    missing = build_obstacle()
    if missing:
        return missing
    if device.type != "cuda":
        return "needs an NVIDIA GPU to run (engines can be built here)"
    capability = torch.cuda.get_device_capability(device)
    known = known_capabilities()
    if capability not in known:
        have = ", ".join(f"{major}.{minor}" for major, minor in known)
        return (
            f"{torch.cuda.get_device_name(device)} has compute capability "
            f"{capability[0]}.{capability[1]}, TensorRT for RTX has {have}; "
            "use backend='tensorrt' or 'eager'"
        )
    return None


@once
def known_capabilities() -> tuple[tuple[int, int], ...]:
    """Compute capabilities that portable engines run on."""
    names = re.findall(r"\bSM(\d+)(\d)\b", " ".join(rtx_library().ComputeCapability.__members__))
    found = sorted((int(major), int(minor)) for major, minor in names)
    return tuple(capability for capability in found if capability != NOT_PORTABLE)


def compile_tensorrt_rtx(
    source: NetworkSource, device: torch.device, dtype: torch.dtype, cache: EngineCache
) -> Network:
    """Find or build the engine, load it and try it.

    Args:
        source: What to run.
        device: A CUDA device.
        dtype: Precision of weights and input.
        cache: Where engines are.

    Returns:
        (N, T, H, W) in any precision -> (N, C, H, W) in `dtype` (heat maps in float32).

    Raises:
        EngineError: The engine cannot be built or loaded, or gives something else than the
            network.
    """
    from .tensorrt_rtx_engine import Engine

    path = engine_file(source, dtype, cache)
    with stdout_to_stderr():
        engine = Engine(path, device, dtype)
        check_by_trial(engine.run, source, device, "tensorrt_rtx")
    return engine.run


def engine_file(source: NetworkSource, dtype: torch.dtype, cache: EngineCache) -> Path:
    """The engine's file, built if it is not in the cache. This needs no GPU.

    Raises:
        EngineError: It cannot be built.
    """
    missing = build_obstacle()
    if missing:
        raise EngineError(f"backend 'tensorrt_rtx' is not available: {missing}")
    precision = str(dtype).removeprefix("torch.")
    key = {
        "backend": "tensorrt_rtx",
        "network": source.name,
        "weights": source.digest,
        "precision": precision,
        **tensorrt_rtx_versions(),
    }

    def build(path: Path) -> None:
        model = onnx_file(source, dtype, cache).read_bytes()
        extra_rows = source.module.rows if isinstance(source.module, TileForm) else 0
        path.write_bytes(build_engine(model, source.multiple_of, extra_rows=extra_rows))

    return cache.get(f"{source.name}-{precision}", key, ".rtx", build)


def tensorrt_rtx_versions() -> dict[str, str]:
    """What an engine depends on besides the network."""
    return onnx_versions() | {
        "tensorrt_rtx": _version("tensorrt-rtx"),
        "code": code_digest("onnx", "tensorrt_rtx", "tensorrt_rtx_build"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
