"""Times the backends that a CPU has to choose from, once for each network and machine."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from ..errors import EngineError
from .backends.engine_cache import EngineCache, code_digest
from .backends.openvino import openvino_device_name, openvino_versions
from .network import Network, NetworkSource
from .speed import timed

__all__ = ["TIMED_AT", "milliseconds_by_backend", "read_timing", "timing_versions"]

TIMED_AT = (640, 384)
"""Width and height of the frames, in pixels: every network's input divides them."""
RUNS = 7
"""Of each backend, in turn, after a first one that is not counted. The least counts: what else the
machine does can only add to it."""

type Compile = Callable[[str, NetworkSource], Network]
"""Makes a network ready to run by the backend named."""


def milliseconds_by_backend(
    source: NetworkSource,
    device: torch.device,
    dtype: torch.dtype,
    cache: EngineCache,
    names: Sequence[str],
    compile_by: Compile,
) -> dict[str, float]:
    """What a frame takes by each of these backends, measured here or found in the cache.

    Args:
        source: What is to run; it is not changed.
        device: The CPU.
        dtype: Precision it is to run in.
        cache: Where the figures are kept.
        names: Of the backends.
        compile_by: Makes the network ready by one of them.

    Raises:
        EngineError: A backend cannot compile or run it.
    """
    key = {
        "backend": "timing",
        "network": source.name,
        "weights": source.digest,
        "precision": str(dtype).removeprefix("torch."),
        "cpu": f"{openvino_device_name()}, {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(torch.get_num_threads()),
        "of": ", ".join(names),
        **timing_versions(),
    }

    def build(path: Path) -> None:
        networks = {
            name: compile_by(name, replace(source, module=copy.deepcopy(source.module)))
            for name in names
        }
        path.write_text(json.dumps(_measured(networks, source, device)), encoding="utf-8")

    return read_timing(cache.get(f"{source.name}-{key['precision']}", key, ".timing", build))


def read_timing(path: Path) -> dict[str, float]:
    """Milliseconds a frame by backend, from a file that `milliseconds_by_backend` keeps."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {str(name): float(value) for name, value in kept.items()}


def timing_versions() -> dict[str, str]:
    """What the figures depend on besides the network and the machine."""
    return openvino_versions() | {"code": code_digest("eager", "onnx", "openvino")}


def _measured(
    networks: Mapping[str, Network], source: NetworkSource, device: torch.device
) -> dict[str, float]:
    width, height = TIMED_AT
    frames = torch.rand(1, source.channels, height, width, device=device)
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    try:
        for _ in range(RUNS + 1):
            # In turn, so that what else the machine does meets all alike.
            for name, network in networks.items():
                seconds[name].append(timed(partial(network, frames), device))
    except RuntimeError as error:
        raise EngineError(f"{source.name} cannot be timed: {error}") from error
    return {name: round(min(times[1:]) * 1000, 2) for name, times in seconds.items()}
