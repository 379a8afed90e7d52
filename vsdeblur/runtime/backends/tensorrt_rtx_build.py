"""Builds engines of TensorRT for RTX from ONNX models; this needs no GPU."""

from __future__ import annotations

import logging
from functools import cache as once
from importlib.util import find_spec
from typing import Any

from ...errors import EngineError
from ..quiet import stdout_to_stderr
from .onnx import INPUT, missing_exporter

__all__ = ["MAX_BATCH", "build_engine", "build_obstacle", "rtx_library", "rtx_logger"]

log = logging.getLogger("vsdeblur")

INSTALL = "pip install 'vsdeblur[trt-rtx]'"
MIN_SIDE, MAX_SIDE = 16, 8192
"""Height and width of frames that an engine takes, in pixels."""
USUAL_SIZE = (720, 1280)
MAX_BATCH = 16


def build_obstacle() -> str | None:
    """Why engines cannot be built here, and the cure; None = they can."""
    missing = "tensorrt-rtx" if find_spec("tensorrt_rtx") is None else missing_exporter()
    return None if missing is None else f"{missing} is not installed: {INSTALL}"


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
    trt = rtx_library()
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


def rtx_library() -> Any:  # noqa: ANN401
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
    trt = rtx_library()

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        last = "it does not say why"

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:  # noqa: ANN401
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self.last = message
            log.debug("tensorrt_rtx: %s", message)

    return Logger()
