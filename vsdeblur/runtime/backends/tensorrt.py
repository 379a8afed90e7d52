"""The tensorrt backend: Torch-TensorRT, for all NVIDIA cards; one engine a frame size."""

from __future__ import annotations

import ctypes
import importlib
import os
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import EngineError, first_line
from ...models.engine_form import typed_form
from ..network import Network, NetworkSource
from ..quiet import stdout_to_stderr
from .engine_cache import EngineCache, code_digest

__all__ = ["compile_tensorrt", "tensorrt_obstacle", "tensorrt_versions"]

DISTRIBUTIONS = ("torch-tensorrt", "torch-tensorrt-rtx")
"""Each brings the module `torch_tensorrt`."""
TIMING_CACHE = "tensorrt-timing.runtime"
"""File beside the engines in which TensorRT keeps what it measured."""
INSTALL = "pip install 'vsdeblur[trt]' (or torch-tensorrt-rtx)"


def tensorrt_obstacle(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this backend cannot run there, and the cure; None = it can."""
    if device.type != "cuda":
        return "needs an NVIDIA GPU"
    found = _distribution()
    if found is None:
        return f"Torch-TensorRT is not installed: {INSTALL}"
    package, release = found
    wanted = release.rsplit(".", 1)[0]
    if torch.__version__.split("+")[0].rsplit(".", 1)[0] != wanted:
        return (
            f"{package} {release} needs torch {wanted}, {torch.__version__} is installed: "
            f"pip install 'torch=={wanted}.*'"
        )
    try:
        _library()
    except EngineError as error:
        return str(error)
    return None


def compile_tensorrt(
    source: NetworkSource, device: torch.device, dtype: torch.dtype, cache: EngineCache
) -> Network:
    """Compile with Torch-TensorRT: each input shape at its first run, or from the cache.

    Args:
        source: What to run.
        device: A CUDA device.
        dtype: Precision of weights and input.
        cache: Where compiled programs are.

    Returns:
        (N, T, H, W) in any precision -> (N, C, H, W) in `dtype` (heat maps in float32). It may
        run on several streams at once: each has its own engine.

    Raises:
        EngineError: Also from a run: the network cannot be compiled.
    """
    return _Programs(source, device, dtype, cache).run


def tensorrt_versions() -> dict[str, str]:
    """What a compiled program depends on besides the network and the card."""
    return {
        "driver": _driver(),
        "torch_tensorrt": " ".join(_distribution() or ("none",)),
        "tensorrt": _library_version(),
        "torch": torch.__version__,
        "code": code_digest("tensorrt"),
    }


class _Programs:
    """A network's compiled programs, one for each input shape and stream."""

    def __init__(
        self, source: NetworkSource, device: torch.device, dtype: torch.dtype, cache: EngineCache
    ) -> None:
        self._source, self._cache = source, cache
        self._device, self._dtype = device, dtype
        self._programs: dict[tuple[torch.Size, int], tuple[nn.Module, Lock]] = {}
        self._lock = Lock()

    def run(self, frames: Tensor) -> Tensor:
        with torch.cuda.device(self._device), torch.inference_mode():
            frames = frames.to(self._dtype).contiguous()
            place = (frames.shape, torch.cuda.current_stream().cuda_stream)
            with self._lock:
                if place not in self._programs:
                    self._programs[place] = (self._loaded(frames.shape), Lock())
            program, lock = self._programs[place]
            with lock:  # its execution context is not safe to use from two threads
                output: Tensor = program(frames)
                return output

    def _loaded(self, shape: torch.Size) -> nn.Module:
        size = "x".join(map(str, shape))
        precision = str(self._dtype).removeprefix("torch.")
        name = f"{self._source.name}-{precision}-{size}"
        path = self._cache.get(name, self._key(precision, size), ".pt2", self._builder(shape))
        _library()  # registers what the saved program calls
        try:
            module: nn.Module = torch.export.load(path).module()
        except Exception as error:
            raise EngineError(
                f"tensorrt cannot load {path}: {first_line(error)}; delete it, or use "
                "backend='eager'"
            ) from error
        return module

    def _key(self, precision: str, size: str) -> dict[str, str]:
        major, minor = torch.cuda.get_device_capability(self._device)
        return {
            "backend": "tensorrt",
            "network": self._source.name,
            "weights": self._source.digest,
            "precision": precision,
            "shape": size,
            "gpu": torch.cuda.get_device_name(self._device),
            "device": str(self._device),  # a saved program names the one it is for
            "capability": f"{major}.{minor}",
            **tensorrt_versions(),
        }

    def _builder(self, shape: torch.Size) -> Any:  # noqa: ANN401
        # What inference mode makes cannot be exported.
        @torch.inference_mode(False)
        @torch.no_grad()
        def build(path: Path) -> None:
            module = typed_form(self._source.module, self._dtype).to(self._device)
            frames = torch.rand(shape, dtype=self._dtype, device=self._device)
            try:
                self._compile(module, frames, path)
            except Exception as error:
                raise EngineError(
                    f"tensorrt could not compile {self._source.name} for {shape[3]}x{shape[2]}: "
                    f"{first_line(error)}; use backend='eager'"
                ) from error

        return build

    def _compile(self, module: nn.Module, frames: Tensor, path: Path) -> None:
        library = _library()
        program = torch.export.export(module, (frames,), strict=False)
        compiled = library.dynamo.compile(
            program,
            arg_inputs=[frames],
            device=self._device,
            min_block_size=1,
            timing_cache_path=str(path.parent / TIMING_CACHE),
        )
        library.save(
            compiled,
            str(path),
            output_format="exported_program",
            arg_inputs=[frames],
            retrace=True,
        )


def _distribution() -> tuple[str, str] | None:
    """Name and version of the Torch-TensorRT that is installed."""
    for package in DISTRIBUTIONS:
        try:
            return package, version(package)
        except PackageNotFoundError:
            continue
    return None


@once
def _library() -> Any:  # noqa: ANN401
    """The module `torch_tensorrt`, which can be imported only where there is a GPU."""
    try:
        with stdout_to_stderr():
            return importlib.import_module("torch_tensorrt")
    except Exception as error:
        raise EngineError(f"torch_tensorrt cannot be loaded: {first_line(error)}") from error


def _library_version() -> str:
    """TensorRT's own version, of either kind."""
    for package in ("tensorrt-cu13", "tensorrt", "tensorrt-rtx"):
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return "unknown"


def _driver() -> str:
    """The NVIDIA driver's version, from its own library."""
    text = ctypes.create_string_buffer(80)
    try:
        library = ctypes.CDLL("nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1")
        library.nvmlInit_v2()
        library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text)))
    except (OSError, AttributeError):
        return "unknown"
    return text.value.decode() or "unknown"
