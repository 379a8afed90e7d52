"""Times networks alone, next to a matrix product on the same device."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import nn

from ..manifest import load_manifest
from ..models import MODELS, ModelSpec
from ..runtime.compile import compile_network
from ..runtime.device import resolve_device, resolve_dtype
from ..runtime.speed import flops_of, matrix_product, timed
from ..runtime.weights import load_network, save_weights

__all__ = ["NetworkSpeed", "measure_network", "weights_for"]


@dataclass(frozen=True, kw_only=True)
class NetworkSpeed:
    """What a network takes for a frame."""

    seconds: float
    """Median, warm, synchronised."""
    flops: float
    """Operations, by PyTorch's counter."""
    matrix_flops_per_second: float
    """Of a matrix product in the same precision, measured in turn with the network."""
    peak_bytes: int | None
    """Memory of the GPU at most; None on the CPU, where a process does not tell."""
    load_seconds: float
    """From the weights file to a network that is ready to run (its engine built, if any)."""
    first_seconds: float
    """The first frame."""

    @property
    def share(self) -> float:
        """Part of the matrix product's rate."""
        return self.flops / self.seconds / self.matrix_flops_per_second


def weights_for(filter_name: str, model: str, folder: Path) -> tuple[Path, bool]:
    """A weights file to time a model with, and whether it is the packaged one.

    Where none is packaged, random ones are written into the folder: speed does not depend on them.
    """
    packaged = load_manifest().filter(filter_name).models[model].weights
    if packaged is not None:
        return packaged, True
    path = folder / f"{filter_name}-{model}.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        state = MODELS[filter_name][model].build().state_dict()
        save_weights(path, state, filter_name=filter_name, model=model)
    return path, False


def measure_network(
    filter_name: str,
    model: str,
    *,
    size: tuple[int, int],
    backend: str,
    precision: str,
    device: str,
    weights: Path,
    repeats: int,
) -> NetworkSpeed:
    """Time a model's network (of several the first, which sees whole frames).

    Args:
        filter_name: As in the manifest.
        model: Model of the filter.
        size: Width and height of the frame.
        backend: What runs it.
        precision: "auto", "fp32", "fp16" or "bf16".
        device: "auto", "cpu", "cuda" or "cuda:N".
        weights: A .safetensors file.
        repeats: Runs after the first, of which the median counts.

    Raises:
        DeblurError: It cannot run here.
    """
    where = resolve_device(device)
    dtype = resolve_dtype(precision, where)
    spec = MODELS[filter_name][model]
    shape = _shape(spec, size, filter_name)
    flops = flops_of(_part(spec, spec.build()), shape)
    frames = torch.rand(shape, device=where).to(dtype)
    started = time.perf_counter()
    trained = load_network(spec.build, weights, filter_name=filter_name, model=model)
    network = compile_network(_part(spec, trained), backend, where, dtype)
    load_seconds = time.perf_counter() - started
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)
    first_seconds = timed(lambda: network(frames), where)
    product, product_flops = matrix_product(where, dtype)
    product()
    # In turn, so that what else the machine does meets both alike.
    pairs = [(timed(lambda: network(frames), where), timed(product, where)) for _ in range(repeats)]
    seconds, product_seconds = (median(times) for times in zip(*pairs, strict=True))
    return NetworkSpeed(
        seconds=seconds,
        flops=flops,
        matrix_flops_per_second=product_flops / product_seconds,
        peak_bytes=torch.cuda.max_memory_allocated(where) if where.type == "cuda" else None,
        load_seconds=load_seconds,
        first_seconds=first_seconds,
    )


def _part(spec: ModelSpec, network: nn.Module) -> nn.Module:
    """The inference form of what sees whole frames."""
    return spec.fold(network).network.get_submodule(spec.parts[0])


def _shape(spec: ModelSpec, size: tuple[int, int], filter_name: str) -> tuple[int, int, int, int]:
    width, height = (-(-length // spec.multiple_of) * spec.multiple_of for length in size)
    # Only `dblrgan` shows its network the whole window; brmr's takes the three planes.
    channels = {"dblrgan": 2 * spec.radius + 1}.get(filter_name, spec.channels)
    return 1, channels, height, width
