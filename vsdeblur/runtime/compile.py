"""Turns a network into something that runs: one backend a file, one table of them here."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch

from ..errors import EngineError, OptionError
from .backends.eager import compile_eager, eager_obstacle
from .backends.engine_cache import EngineCache
from .backends.inductor import compile_inductor, inductor_obstacle
from .backends.onnx import onnx_versions
from .backends.openvino import compile_openvino, openvino_obstacle, openvino_versions
from .backends.tensorrt import compile_tensorrt, tensorrt_obstacle, tensorrt_versions
from .backends.tensorrt_rtx import (
    compile_tensorrt_rtx,
    tensorrt_rtx_obstacle,
    tensorrt_rtx_versions,
)
from .host import keep_for_next_frame, on_all_cores
from .network import Network, NetworkSource
from .timing import TIMED_AT, milliseconds_by_backend, timing_versions

__all__ = [
    "BACKENDS",
    "Backend",
    "Choice",
    "announce",
    "choose",
    "compile_network",
    "is_current",
]

log = logging.getLogger("vsdeblur")


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One way to run a network."""

    obstacle: Callable[[torch.device, torch.dtype], str | None]
    """Why it cannot run on a device in a precision, and the cure; None = it can."""
    compile: Callable[[NetworkSource, torch.device, torch.dtype, EngineCache], Network]
    versions: Callable[[], dict[str, str]] | None = None
    """What its engines depend on besides the network and the card; None = it keeps none."""


BACKENDS: dict[str, Backend] = {
    "tensorrt_rtx": Backend(
        obstacle=tensorrt_rtx_obstacle, compile=compile_tensorrt_rtx, versions=tensorrt_rtx_versions
    ),
    "tensorrt": Backend(
        obstacle=tensorrt_obstacle, compile=compile_tensorrt, versions=tensorrt_versions
    ),
    "openvino": Backend(
        obstacle=openvino_obstacle, compile=compile_openvino, versions=openvino_versions
    ),
    "eager": Backend(obstacle=eager_obstacle, compile=compile_eager),
    "inductor": Backend(obstacle=inductor_obstacle, compile=compile_inductor),
    **{
        f"openvino:{processor}": Backend(
            obstacle=partial(openvino_obstacle, processor=processor),
            compile=partial(compile_openvino, processor=processor),
        )
        for processor in ("GPU", "NPU")
    },
}
"""All backends, the one that "auto" would rather take first; what follows eager it never takes."""

KEPT = {"onnx": onnx_versions, "timing": timing_versions} | {
    name: backend.versions for name, backend in BACKENDS.items() if backend.versions is not None
}
"""What is kept in the cache: engines, and the models they are built from -> their versions."""
NOT_BY_AUTO = {
    "inductor": "gains little on a CPU, compiles for up to minutes; ask for it by name",
    "openvino:GPU": "not measured yet; ask for it by name",
    "openvino:NPU": "not measured yet; ask for it by name",
}
TIMED = ("openvino", "eager")
"""Where "auto" would take the first, it times both with the network, and takes the faster."""
NO_DROPOUT = "dropout=True needs a network that draws anew for each frame: use backend='eager'"

_announced: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What "auto" takes, and why not the others."""

    backend: str
    others: dict[str, str]
    """Name of each other backend -> why it was not taken."""


def choose(device: torch.device, dtype: torch.dtype, *, dropout: bool = False) -> Choice:
    """The backend that "auto" takes: the best that works there, by the order of `BACKENDS`.

    Args:
        device: Where the network is to run.
        dtype: Precision it is to run in.
        dropout: Whether it is to drop features out.
    """
    others = dict(NOT_BY_AUTO)
    taken = ""
    for name, reason in _reasons(device, dtype, dropout=dropout):
        if name in NOT_BY_AUTO:
            others[name] = reason or NOT_BY_AUTO[name]
        elif reason is not None:
            others[name] = reason
        elif (taken, name) == TIMED:
            others[name] = f"taken where it measures faster than {taken}, with each model"
        elif taken:
            others[name] = f"{taken} is faster"
        else:
            taken = name
    return Choice(backend=taken, others=others)


def is_current(key: Mapping[str, str]) -> bool:
    """Whether the key of what is cached is of the code and the libraries that are installed."""
    versions = KEPT.get(key.get("backend", ""))
    return versions is not None and versions().items() <= key.items()


def _reasons(
    device: torch.device, dtype: torch.dtype, *, dropout: bool
) -> Iterator[tuple[str, str | None]]:
    """Each backend, and why it cannot run there."""
    for name, backend in BACKENDS.items():
        without = NO_DROPOUT if dropout and name != "eager" else None
        yield name, without or backend.obstacle(device, dtype)


def compile_network(
    source: NetworkSource,
    backend: str,
    device: torch.device,
    dtype: torch.dtype,
    cache: EngineCache | None = None,
) -> Network:
    """Make a network ready to run.

    Args:
        source: Inference form of a model.
        backend: "auto" or the name of a backend, which then is taken or refused.
        device: Where it is to run.
        dtype: Precision it is to run in.
        cache: Where compiled engines are kept; None = the usual folder.

    Raises:
        OptionError: No backend has that name.
        EngineError: The backend asked for cannot run there, or cannot compile the network.
    """
    cache = cache or EngineCache()
    if backend == "auto":
        return _compile_best(source, device, dtype, cache)
    if backend not in BACKENDS:
        names = ", ".join(["auto", *BACKENDS])
        raise OptionError(f"unknown backend {backend!r}; choose one of: {names}")
    reason = dict(_reasons(device, dtype, dropout=source.dropout))[backend]
    if reason is not None:
        raise EngineError(f"backend {backend!r} is not available on {device}: {reason}")
    return _compiled(backend, source, device, dtype, cache)


def _compiled(
    backend: str,
    source: NetworkSource,
    device: torch.device,
    dtype: torch.dtype,
    cache: EngineCache,
) -> Network:
    network = BACKENDS[backend].compile(source, device, dtype, cache)
    if device.type != "cpu":
        return network
    keep_for_next_frame()
    return on_all_cores(network)


def _compile_best(
    source: NetworkSource, device: torch.device, dtype: torch.dtype, cache: EngineCache
) -> Network:
    choice = choose(device, dtype, dropout=source.dropout)
    try:
        if choice.backend == TIMED[0]:
            return _compile_faster(source, device, dtype, cache)
        network = _compiled(choice.backend, source, device, dtype, cache)
    except EngineError as error:
        if choice.backend == "eager":
            raise
        announce(f"backend: eager on {device}, because {choice.backend} failed: {error}")
        return compile_eager(source, device, dtype, cache)
    better = list(BACKENDS)[: list(BACKENDS).index(choice.backend)]
    reasons = "; ".join(f"{name}: {choice.others[name]}" for name in better)
    announce(
        f"backend: {choice.backend} on {device}, the best that works here"
        + (f" ({reasons})" if reasons else "")
    )
    return network


def _compile_faster(
    source: NetworkSource, device: torch.device, dtype: torch.dtype, cache: EngineCache
) -> Network:
    """Of the backends in `TIMED`, take the one that measures faster, and say so.

    Raises:
        EngineError: One of them cannot compile or run the network.
    """

    def compile_by(name: str, copied: NetworkSource) -> Network:
        return _compiled(name, copied, device, dtype, cache)

    took = milliseconds_by_backend(source, device, dtype, cache, TIMED, compile_by)
    faster, slower = sorted(TIMED, key=lambda name: took[name])
    network = _compiled(faster, source, device, dtype, cache)
    announce(
        f"backend: {faster} on {device} for {source.name}, which measured faster here: "
        f"{took[faster]:.4g} ms a frame of {TIMED_AT[0]}x{TIMED_AT[1]}, {slower} {took[slower]:.4g}"
    )
    return network


def announce(message: str) -> None:
    """Say something once a process, on stderr, also where nobody has set logging up (vspipe)."""
    if message in _announced:
        return
    _announced.add(message)
    if log.hasHandlers():
        log.info("%s", message)
    elif sys.stderr is not None:
        record = log.makeRecord(log.name, logging.INFO, __file__, 0, message, (), None)
        logging.StreamHandler().handle(record)
