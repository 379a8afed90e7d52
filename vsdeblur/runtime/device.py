"""Which device and precision a network runs on."""

from __future__ import annotations

import re

import torch

from ..errors import DeviceError, OptionError

__all__ = ["PRECISIONS", "cpu_has_fast_bf16", "resolve_device", "resolve_dtype"]

PRECISIONS: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}


def resolve_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:N" into a device that is here.

    Raises:
        OptionError: The name is none of these.
        DeviceError: CUDA was asked for and is absent, or has no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    match = re.fullmatch(r"cuda(?::(\d+))?", name)
    if not match:
        raise OptionError(
            f"unknown device {name!r}; choose one of: auto, cpu, cuda, cuda:N (N = 0, 1, ...)"
        )
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(match[1] or 0)
    if index >= count:
        found = f"{count} CUDA device(s) found" if count else "no CUDA device found"
        raise DeviceError(
            f"device {name!r} is not available: {found}; use device='cpu' or 'auto', "
            "or run `vsdeblur doctor`"
        )
    return torch.device("cuda", index)


def resolve_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Turn "auto", "fp32", "fp16" or "bf16" into a dtype.

    "auto" is fp16 on a GPU, bf16 on a CPU with matrix instructions for it, else fp32.

    Raises:
        OptionError: The name is none of these.
        DeviceError: fp16 was asked for on a CPU.
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.float16
        return torch.bfloat16 if cpu_has_fast_bf16() else torch.float32
    if precision not in PRECISIONS:
        allowed = ", ".join(["auto", *PRECISIONS])
        raise OptionError(f"unknown precision {precision!r}; choose one of: {allowed}")
    if precision == "fp16" and device.type == "cpu":
        raise DeviceError(
            "precision 'fp16' is not available on the CPU; use precision='auto', 'fp32' or 'bf16'"
        )
    return PRECISIONS[precision]


def cpu_has_fast_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 natively (AVX-512 BF16 or AMX)."""
    capabilities = torch.backends.cpu.get_cpu_capability()
    if not capabilities.startswith("AVX512"):
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
