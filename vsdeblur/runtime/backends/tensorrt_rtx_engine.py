"""Runs an engine of TensorRT for RTX on PyTorch's CUDA memory and streams."""

from __future__ import annotations

import atexit
import logging
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from ...errors import EngineError
from .engine_cache import write_beside
from .onnx import INPUT, OUTPUT
from .tensorrt_rtx_build import MAX_BATCH, rtx_logger

__all__ = ["Engine"]

log = logging.getLogger("vsdeblur")


class Engine:
    """An engine on a device. It may run on several streams at once: each has its own context.

    Args:
        path: The engine's file. The card's own kernels are kept beside it.
        device: A CUDA device.
        dtype: Precision of its input.

    Raises:
        EngineError: The engine cannot be loaded there.
    """

    def __init__(self, path: Path, device: torch.device, dtype: torch.dtype) -> None:
        import tensorrt_rtx as trt

        self._device, self._dtype = device, dtype
        self._contexts: dict[int, _Context] = {}
        self._lock = Lock()
        with torch.cuda.device(device):
            torch.cuda.current_stream().synchronize()  # PyTorch's context exists from here on
            self._runtime = trt.Runtime(rtx_logger())
            self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
            if self._engine is None:
                raise EngineError(
                    f"tensorrt_rtx cannot load {path.name}: {rtx_logger().last}; "
                    "use backend='eager'"
                )
            self._config = self._engine.create_runtime_config()
            # Contexts would take memory for the largest frames: they are given what they need.
            self._config.set_execution_context_allocation_strategy(
                trt.ExecutionContextAllocationStrategy.USER_MANAGED
            )
            self._kernels = _Kernels(self._config, _kernels_file(path, device))
            types = {trt.float16: torch.float16, trt.bfloat16: torch.bfloat16}
            self._output = types.get(self._engine.get_tensor_dtype(OUTPUT), torch.float32)

    def run(self, frames: Tensor) -> Tensor:
        """(N, T, H, W) on the device -> (N, C, H, W), on the current stream.

        Raises:
            EngineError: The size is not one that engines take, or the run fails.
        """
        with torch.cuda.device(self._device), torch.inference_mode():
            frames = frames.to(self._dtype).contiguous()
            context = self._context()
            with context.lock:
                shapes = len(context.shapes)
                parts = [context.run(part) for part in frames.split(MAX_BATCH)]
                if len(context.shapes) > shapes:
                    self._kernels.save()
            return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _context(self) -> _Context:
        stream = torch.cuda.current_stream().cuda_stream
        with self._lock:
            if stream not in self._contexts:
                context = self._engine.create_execution_context(self._config)
                if context is None:
                    raise EngineError(f"tensorrt_rtx has no context to run in: {rtx_logger().last}")
                self._contexts[stream] = _Context(context, self._device, self._output)
            return self._contexts[stream]


class _Context:
    """What one stream needs to run an engine. Whoever uses it holds its lock."""

    def __init__(self, context: Any, device: torch.device, dtype: torch.dtype) -> None:  # noqa: ANN401
        self.lock = Lock()
        self.shapes: set[torch.Size] = set()
        """Those that it has run."""
        self._context = context
        # On the default stream the library would wait for the whole device, again and again.
        is_default = torch.cuda.current_stream() == torch.cuda.default_stream()
        self._aside = torch.cuda.Stream() if is_default else None
        self._device, self._dtype = device, dtype
        self._shape: torch.Size | None = None
        self._scratch: Tensor | None = None

    def run(self, frames: Tensor) -> Tensor:
        if frames.shape != self._shape:
            self._prepare(frames.shape)
        shape = tuple(self._context.get_tensor_shape(OUTPUT))
        output = torch.empty(shape, dtype=self._dtype, device=self._device)
        self._context.set_tensor_address(INPUT, frames.data_ptr())
        self._context.set_tensor_address(OUTPUT, output.data_ptr())
        stream = torch.cuda.current_stream()
        if not self._executed(stream, self._aside or stream):
            raise EngineError(f"tensorrt_rtx failed: {rtx_logger().last}; use backend='eager'")
        self.shapes.add(frames.shape)
        return output

    def _executed(self, stream: torch.cuda.Stream, own: torch.cuda.Stream) -> bool:
        """Run on `own` between what `stream` was given before and what it is given next."""
        if own is stream:
            return bool(self._context.execute_async_v3(stream.cuda_stream))
        own.wait_stream(stream)
        try:
            return bool(self._context.execute_async_v3(own.cuda_stream))
        finally:
            stream.wait_stream(own)

    def _prepare(self, shape: torch.Size) -> None:
        self._shape = self._scratch = None
        if not self._context.set_input_shape(INPUT, tuple(shape)) or self._context.infer_shapes():
            raise EngineError(
                f"the engine takes frames from 16x16 to 8192x8192, got {shape[3]}x{shape[2]}; "
                "use tile, or backend='eager'"
            )
        size = self._context.update_device_memory_size_for_shapes()
        # On this stream alone: what was there before may be in use until its runs are done, and
        # PyTorch gives the memory of a stream to that stream's later work only.
        self._scratch = torch.empty(max(size, 1), dtype=torch.uint8, device=self._device)
        self._context.set_device_memory(self._scratch.data_ptr(), size)
        self._shape = shape


class _Kernels:
    """The kernels that the library makes for a card and a frame size, kept for the next start."""

    def __init__(self, config: Any, path: Path) -> None:  # noqa: ANN401
        self._path = path
        self._cache = config.create_runtime_cache()
        if path.is_file() and not self._cache.deserialize(path.read_bytes()):
            log.debug("%s is of another card, driver or version: it is written anew", path.name)
        config.set_runtime_cache(self._cache)
        # Kernels for a frame size are made in the background, after its first run.
        atexit.register(self.save)

    def save(self) -> None:
        with suppress(OSError):  # the next start is slower, no more
            write_beside(self._path, bytes(self._cache.serialize()))


def _kernels_file(path: Path, device: torch.device) -> Path:
    major, minor = torch.cuda.get_device_capability(device)
    return path.with_name(f"{path.name}.sm{major}{minor}.runtime")
