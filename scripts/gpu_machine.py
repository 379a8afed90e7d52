"""Rows of `gpu_check`: the card, and what it does at most."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import torch
from gpu_rows import Options

from vsdeblur.benchmark.rendering import machine
from vsdeblur.runtime.device import resolve_device, resolve_dtype
from vsdeblur.runtime.speed import matrix_rate, timed

COPY_BYTES = {"cuda": 4 << 30, "cpu": 1 << 26}


def obstacle(phase: str, options: Options) -> str | None:
    """There is none."""
    return None


def measure(phase: str, row: str, seconds: float, options: Options) -> Iterator[tuple[str, str]]:
    """The card, or its rates."""
    yield row, {"card": _card, "rates": _rates}[row](options)


def _card(options: Options) -> str:
    facts = machine()
    told = [facts["gpu"], f"driver {_driver()}", f"CUDA {torch.version.cuda or 'none'}"]
    device = resolve_device(options.device)
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        told += [
            f"{about.total_memory / 2**30:.0f} GiB",
            f"{about.multi_processor_count} multiprocessors",
            f"compute capability {about.major}.{about.minor}",
        ]
    return ", ".join([*told, facts["cpu"], facts["system"], facts["versions"]])


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return (done.stdout.split() or ["unknown"])[0]


def _rates(options: Options) -> str:
    """The two ceilings: operations, and bytes moved."""
    device = resolve_device(options.device)
    dtype = resolve_dtype("auto", device)
    source = torch.empty(COPY_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    seconds = min(timed(lambda: target.copy_(source), device) for _ in range(5))
    rate = matrix_rate(device, dtype)
    return (
        f"{rate / 1e12:.3g} TFLOP/s of a matrix product in {str(dtype).removeprefix('torch.')}, "
        f"{2 * source.numel() / seconds / 1e12:.2g} TB/s of a copy, read and written"
    )
