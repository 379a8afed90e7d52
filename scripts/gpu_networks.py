"""Rows of `gpu_check`: networks alone, by one backend."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from gpu_rows import Options

from vsdeblur.benchmark.networks import measure_network, weights_for
from vsdeblur.benchmark.rows import pixels
from vsdeblur.runtime.compile import BACKENDS
from vsdeblur.runtime.device import resolve_device, resolve_dtype


def obstacle(phase: str, options: Options) -> str | None:
    """Why the backend cannot run here."""
    device = resolve_device(options.device)
    return BACKENDS[phase].obstacle(device, resolve_dtype("auto", device))


def measure(phase: str, row: str, seconds: float, options: Options) -> Iterator[tuple[str, str]]:
    """A model's network by the backend that the phase is named after."""
    yield row, _network(row, phase, options)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _network(row: str, backend: str, options: Options) -> str:
    filter_name, model = row.split("/")
    weights, is_packaged = weights_for(filter_name, model, options.folder)
    speed = measure_network(
        filter_name, model, size=pixels(options.size), backend=backend, precision="auto",
        device=options.device, weights=weights, repeats=options.repeats,
    )  # fmt: skip
    told = [
        f"{options.size} {1 / speed.seconds:.4g} frames/s",
        f"{speed.flops / speed.seconds / 1e12:.3g} TFLOP/s",
        f"{speed.share:.2f} of the matrix rate",
        f"{speed.peak_bytes / 2**30:.2f} GiB at most" if speed.peak_bytes else "memory not told",
        f"ready in {speed.load_seconds:.1f} s",
        f"first frame {speed.first_seconds:.1f} s",
    ]
    return ", ".join(told + ["random weights"] * (not is_packaged))
