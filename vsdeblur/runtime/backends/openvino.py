"""The openvino backend: CPUs of any make, and Intel's graphics and neural processors.

The ONNX model is exported in float32; OpenVINO itself computes in the precision asked for. A
compiled model takes frames of any size, and is kept in the engine cache for one device.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import EngineError
from ..network import Network, NetworkSource
from ..quiet import stdout_to_stderr
from .engine_cache import EngineCache, code_digest
from .onnx import missing_exporter, onnx_file, onnx_versions
from .self_test import check_by_trial

__all__ = ["compile_openvino", "openvino_device_name", "openvino_obstacle", "openvino_versions"]

INSTALL = "pip install 'vsdeblur[openvino]'"
PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}
"""OpenVINO's names of what it computes in."""
OUT_OF_MEMORY = ("bad_alloc", "DefaultCPUAllocator", "out of memory")
"""What its errors, and PyTorch's, say where memory ran out."""
ON_PROCESSORS = {torch.bfloat16: torch.float16}
"""What graphics and neural processors compute in, where a CPU would in bfloat16."""


def openvino_obstacle(
    device: torch.device, dtype: torch.dtype, *, processor: str = "CPU"
) -> str | None:
    """Why this backend cannot run there, and the cure; None = it can.

    Args:
        device: Where the frames are.
        dtype: Precision asked for.
        processor: OpenVINO's name of what computes: "CPU", "GPU" or "NPU".
    """
    missing = "openvino" if find_spec("openvino") is None else missing_exporter()
    if missing is not None:
        return f"{missing} is not installed: {INSTALL}"
    if device.type != "cpu":
        return "takes frames on the CPU only: use device='cpu'"
    listed = _core().available_devices
    # Several of a kind are listed as GPU.0, GPU.1; the name alone is the first.
    if processor not in {name.partition(".")[0] for name in listed}:
        return (
            f"OpenVINO lists no {processor} here ({', '.join(listed)}): "
            f"install Intel's {processor} driver, or use backend='openvino' for the CPU"
        )
    return None


def compile_openvino(
    source: NetworkSource,
    device: torch.device,
    dtype: torch.dtype,
    cache: EngineCache,
    *,
    processor: str = "CPU",
) -> Network:
    """Find or compile the model, load it and try it.

    Args:
        source: What to run.
        device: The CPU, where frames are.
        dtype: Precision to compute in; bfloat16 is float16 where it is not the CPU that computes.
        cache: Where compiled models are.
        processor: What computes: "CPU", "GPU" or "NPU".

    Returns:
        (N, T, H, W) in any precision -> (N, C, H, W) in float32.

    Raises:
        EngineError: The network cannot be exported or compiled, or gives something else then.
    """
    properties = _properties(dtype, processor)
    with stdout_to_stderr():
        try:
            compiled = _kept(source, properties, cache, processor)
        except RuntimeError as error:
            raise EngineError(
                f"openvino cannot compile {source.name} for {processor}: {_reason(error)}; "
                "use backend='eager'"
            ) from error
        network = _Requests(compiled, source.name).run
        check_by_trial(network, source, device, "openvino")
    return network


def openvino_versions() -> dict[str, str]:
    """What a compiled model depends on besides the network and the device."""
    try:
        installed = version("openvino")
    except PackageNotFoundError:
        installed = "none"
    return onnx_versions() | {"openvino": installed, "code": code_digest("onnx", "openvino")}


def openvino_device_name(processor: str = "CPU") -> str:
    """What OpenVINO calls a device in full."""
    return str(_core().get_property(processor, "FULL_DEVICE_NAME"))


@once
def _core() -> Any:  # noqa: ANN401
    with stdout_to_stderr():
        import openvino

        return openvino.Core()


def _properties(dtype: torch.dtype, processor: str) -> dict[str, object]:
    """How a model is to be compiled: one frame at a time, on as many threads as PyTorch has."""
    if processor != "CPU":
        computed = PRECISIONS[ON_PROCESSORS.get(dtype, dtype)]
        return {"INFERENCE_PRECISION_HINT": computed, "PERFORMANCE_HINT": "LATENCY"}
    return {
        "INFERENCE_PRECISION_HINT": PRECISIONS[dtype],
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        # Decoders and encoders run beside it, where the system puts them.
        "ENABLE_CPU_PINNING": False,
    }


def _kept(
    source: NetworkSource, properties: Mapping[str, object], cache: EngineCache, processor: str
) -> Any:  # noqa: ANN401
    """The compiled model, loaded from the cache, where it is put if it is not there."""
    key = {
        "backend": "openvino",
        "network": source.name,
        "weights": source.digest,
        "precision": str(properties["INFERENCE_PRECISION_HINT"]),
        "device": f"{processor}: {openvino_device_name(processor)}",
        **openvino_versions(),
    }

    def build(path: Path) -> None:
        model = _core().read_model(onnx_file(source, torch.float32, cache))
        compiled = _core().compile_model(model, processor, properties)
        path.write_bytes(compiled.export_model().getvalue())

    name = f"{source.name}-{processor.lower()}-{key['precision']}"
    path = cache.get(name, key, ".openvino", build)
    return _core().import_model(path.read_bytes(), processor, properties)


class _Requests:
    """A compiled model's infer requests: whoever runs takes an idle one, or makes another.

    Args:
        compiled: OpenVINO's compiled model.
        name: Of the network, for errors.
    """

    def __init__(self, compiled: Any, name: str) -> None:  # noqa: ANN401
        self._compiled, self._name = compiled, name
        self._idle: list[Any] = []
        self._shapes: dict[torch.Size, tuple[int, ...]] = {}
        """Shape of an input that was run -> of its output."""

    def run(self, frames: Tensor) -> Tensor:
        """(N, T, H, W) -> (N, C, H, W), float32.

        Raises:
            MemoryError: It runs out: smaller tiles may fit.
            EngineError: The run fails otherwise.
        """
        try:
            request = self._idle.pop()
        except IndexError:  # all are at work
            request = self._compiled.create_infer_request()
        try:
            return self._infer(request, frames.detach().float().contiguous())
        except RuntimeError as error:
            if any(text in str(error) for text in OUT_OF_MEMORY):
                raise MemoryError(_reason(error)) from error
            raise EngineError(
                f"openvino failed to run {self._name} at {frames.shape[3]}x{frames.shape[2]}: "
                f"{_reason(error)}; use backend='eager'"
            ) from error
        finally:
            self._idle.append(request)

    def _infer(self, request: Any, frames: Tensor) -> Tensor:  # noqa: ANN401
        """Run on the frames' own memory, into memory that is the caller's."""
        shape = self._shapes.get(frames.shape)
        if shape is None:
            return self._first(frames)
        output = torch.empty(shape)
        request.set_input_tensor(_view(frames))
        request.set_output_tensor(_view(output))
        request.infer()
        return output

    def _first(self, frames: Tensor) -> Tensor:
        """Run a shape for the first time, which tells the shape of its output."""
        # In a request of its own: one that was given memory for its output keeps to that.
        request = self._compiled.create_infer_request()
        request.set_input_tensor(_view(frames))
        request.infer()
        output = torch.from_numpy(request.get_output_tensor().data.copy())
        self._shapes[frames.shape] = tuple(output.shape)
        return output


def _reason(error: Exception) -> str:
    """What OpenVINO says in the end: before that it names places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _view(tensor: Tensor) -> Any:  # noqa: ANN401
    """A tensor of OpenVINO on the same memory."""
    import openvino

    return openvino.Tensor(tensor.numpy(), shared_memory=True)
