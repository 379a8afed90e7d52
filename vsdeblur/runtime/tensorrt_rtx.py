"""The tensorrt_rtx backend: TensorRT for RTX, whose engines are built anywhere, in a second.

An engine is portable over GeForce and RTX cards from the 30 series on and takes frames of any
size. It is built from the ONNX model without a GPU; the card's own kernels are made when it first
runs, and kept beside it.
"""

from __future__ import annotations

import logging
import re
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from ..errors import EngineError
from ..models.measured import TileForm
from .engine_cache import EngineCache, code_digest
from .network import Network, NetworkSource
from .onnx_graph import INPUT, check_onnx, describe, onnx_model
from .quiet import stdout_to_stderr
from .trial import check_by_trial

__all__ = ["MAX_BATCH", "build_engine", "compile_tensorrt_rtx", "engine_file", "rtx_logger",
           "tensorrt_rtx_obstacle"]  # fmt: skip

log = logging.getLogger("vsdeblur")

INSTALL = "pip install 'vsdeblur[trt-rtx]'"
MIN_SIDE, MAX_SIDE = 16, 8192
"""Height and width of frames that an engine takes, in pixels."""
USUAL_SIZE = (720, 1280)
MAX_BATCH = 16
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


def build_obstacle() -> str | None:
    """Why engines cannot be built here, and the cure; None = they can."""
    for module, package in (("tensorrt_rtx", "tensorrt-rtx"), ("onnx", "onnx")):
        if find_spec(module) is None:
            return f"{package} is not installed: {INSTALL}"
    return None


@once
def known_capabilities() -> tuple[tuple[int, int], ...]:
    """Compute capabilities that portable engines run on."""
    names = re.findall(r"\bSM(\d+)(\d)\b", " ".join(_library().ComputeCapability.__members__))
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
        model = onnx_model(source.module, source.channels, dtype, describe(source, dtype))
        extra_rows = source.module.rows if isinstance(source.module, TileForm) else 0
        path.write_bytes(build_engine(model, source.multiple_of, extra_rows=extra_rows))

    return cache.get(f"{source.name}-{precision}", key, ".rtx", build)


def tensorrt_rtx_versions() -> dict[str, str]:
    """What an engine depends on besides the network."""
    return {
        "tensorrt_rtx": _version("tensorrt-rtx"),
        "code": code_digest(
            "onnx_blur_code", "onnx_graph", "onnx_operations", "onnx_writer", "tensorrt_rtx"
        ),
    }


def build_engine(model: bytes, multiple_of: int = 1, *, extra_rows: int = 0) -> bytes:
    """Build an engine from an ONNX model; this needs no GPU.

    Args:
        model: See `onnx_model`. Its types are kept: the engine is strongly typed.
        multiple_of: What height and width must divide by.
        extra_rows: Rows of the input that are not the frame's (see `TileForm`).

    Returns:
        The serialised engine, for frames from 16x16 to 8192x8192 (the extra rows included) and
        batches up to 16.

    Raises:
        EngineError: TensorRT refuses the model.
    """
    check_onnx()
    trt = _library()
    logger = rtx_logger()
    with stdout_to_stderr():
        builder = trt.Builder(logger)
        typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(typed)
        parser = trt.OnnxParser(network, logger)
        if not parser.parse(model):
            raise EngineError(f"TensorRT cannot read the model: {parser.get_error(0).desc()}")
        config = builder.create_builder_config()
        profile = builder.create_optimization_profile()
        channels = network.get_input(0).shape[1]
        least, *usual = (-(-side // multiple_of) * multiple_of for side in (MIN_SIDE, *USUAL_SIZE))
        most = MAX_SIDE // multiple_of * multiple_of
        profile.set_shape(
            INPUT,
            (1, channels, least + extra_rows, least),
            (1, channels, *usual),
            (MAX_BATCH, channels, most, most),
        )
        config.add_optimization_profile(profile)
        engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise EngineError(f"TensorRT could not build the engine: {logger.last}")
    return bytes(engine)


def _library() -> Any:  # noqa: ANN401
    """The module `tensorrt_rtx`."""
    try:
        with stdout_to_stderr():
            import tensorrt_rtx
    except (ImportError, OSError) as error:
        raise EngineError(f"tensorrt_rtx cannot be loaded: {error}; {INSTALL}") from error
    return tensorrt_rtx


@once
def rtx_logger() -> Any:  # noqa: ANN401
    """TensorRT's messages, as ours; `last` is the last error."""
    trt = _library()

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        last = "it does not say why"

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:  # noqa: ANN401
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self.last = message
            log.debug("tensorrt_rtx: %s", message)

    return Logger()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
