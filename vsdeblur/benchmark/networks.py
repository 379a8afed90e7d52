"""Times networks alone, next to a matrix product on the same device."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from ..manifest import load_manifest
from ..models import MODELS
from ..restorers.loading import load_parts
from ..runtime.backends.engine_cache import EngineCache, cache_folder
from ..runtime.backends.tensorrt_rtx import engine_file
from ..runtime.compile import compile_network
from ..runtime.device import PRECISIONS, resolve_device, resolve_dtype
from ..runtime.network import NetworkSource
from ..runtime.speed import flops_of, matrix_product, timed
from ..runtime.weights import save_weights

__all__ = ["NetworkSpeed", "measure_builds", "measure_network", "weights_for"]


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
    started = time.perf_counter()
    source = load_parts(filter_name, model, weights)[0][spec.parts[0]]
    loaded = time.perf_counter() - started
    shape = _shape(source, size)
    flops = flops_of(copy.deepcopy(source.module), shape)
    frames = torch.rand(shape, device=where).to(source.input_dtype(dtype))
    started = time.perf_counter()
    network = compile_network(source, backend, where, dtype, EngineCache(cache_folder()))
    load_seconds = loaded + time.perf_counter() - started
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


def measure_builds(
    filter_name: str, model: str, *, precision: str, device: str, weights: Path, folder: Path
) -> list[float]:
    """Time the building of a model's engines of TensorRT for RTX, which needs no GPU.

    Args:
        filter_name: As in the manifest.
        model: Model of the filter.
        precision: "auto", "fp32", "fp16" or "bf16".
        device: What "auto" is decided by.
        weights: A .safetensors file.
        folder: Where the engines are left; there must be none yet.

    Returns:
        Seconds for each of the model's networks.

    Raises:
        DeblurError: They cannot be built here.
    """
    # Named outright it may be one that only a GPU can run.
    dtype = PRECISIONS.get(precision) or resolve_dtype(precision, resolve_device(device))
    sources, _ = load_parts(filter_name, model, weights)
    seconds = []
    for source in sources.values():
        started = time.perf_counter()
        engine_file(source, dtype, EngineCache(folder))
        seconds.append(time.perf_counter() - started)
    return seconds


def _shape(source: NetworkSource, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = (-(-length // source.multiple_of) * source.multiple_of for length in size)
    return 1, source.channels, height, width
