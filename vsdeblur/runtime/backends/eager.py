"""The eager backend: PyTorch as it is, with CUDA graphs on a GPU."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch
from torch import Tensor, nn

from ...errors import first_line
from ...models.blur_code import GatedBlock
from ..network import Network, NetworkSource
from .engine_cache import EngineCache

__all__ = ["compile_eager", "eager_obstacle"]

MAX_GRAPHS = 4
"""Input shapes of which a network keeps a CUDA graph; each holds the memory of a run."""
RUNS_BEFORE_CAPTURE = 8
"""Runs of a shape before it is worth a graph: a critic's windows have shapes that do not return."""
WARM_UP_RUNS = 3
"""Runs before a graph is captured, in which libraries choose their kernels."""

log = logging.getLogger(__name__)
_capturing = Lock()
"""A capture begins by waiting for its device, on which no other may then be under way."""


def eager_obstacle(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this backend cannot run there: there is no such reason."""
    return None


def compile_eager(
    source: NetworkSource, device: torch.device, dtype: torch.dtype, cache: EngineCache
) -> Network:
    """Move the network to the device and run it there.

    On a GPU an input shape that comes again and again is captured in a CUDA graph: small frames
    then do not wait for Python.

    Args:
        source: What to run.
        device: Where it runs.
        dtype: Precision of weights and input.
        cache: Not needed: nothing is built.

    Returns:
        (N, T, H, W) in any precision -> (N, C, H, W) in `dtype`.
    """
    module = source.module.eval().requires_grad_(False)
    for block in module.modules():
        if isinstance(block, GatedBlock):
            block.folds_gates = True
    input_dtype = source.input_dtype(dtype)
    module = module.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cuda":  # the weights are there for all streams
        torch.cuda.current_stream(device).synchronize()
    graphs = _StreamGraphs(module) if device.type == "cuda" and not source.dropout else None

    def run(frames: Tensor) -> Tensor:
        frames = frames.to(input_dtype).contiguous()  # channels_last would be unshuffled slowly
        with torch.inference_mode():
            output: Tensor = module(frames) if graphs is None else graphs.run(frames)
            return output

    return run


class _StreamGraphs:
    """A network's CUDA graphs for each stream: a graph runs once at a time."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._graphs: dict[int, _Graphs] = {}
        self._lock = Lock()

    def run(self, frames: Tensor) -> Tensor:
        stream = torch.cuda.current_stream(frames.device).cuda_stream
        with self._lock:
            graphs = self._graphs.setdefault(stream, _Graphs(self._module))
        return graphs.run(frames)


class _Graphs:
    """CUDA graphs, one for each input shape that comes again and again."""

    can_capture = True
    """Whether none has failed in this process: PyTorch does not clear up after that."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._graphs: OrderedDict[torch.Size, _Graph] = OrderedDict()
        self._runs: Counter[torch.Size] = Counter()
        """Runs without a graph."""
        self._lock = Lock()

    def run(self, frames: Tensor) -> Tensor:
        shape = frames.shape
        with torch.cuda.device(frames.device), self._lock:
            if shape not in self._graphs and self._runs[shape] >= RUNS_BEFORE_CAPTURE:
                self._capture(frames)
            if shape in self._graphs:
                self._graphs.move_to_end(shape)
                return self._graphs[shape].run(frames)
            self._runs[shape] += 1
        output: Tensor = self._module(frames)
        return output

    def _capture(self, frames: Tensor) -> None:
        """Make the graph for a shape, unless one could not be made: graphs only save time."""
        if not _Graphs.can_capture:
            return
        self._make_room()
        try:
            # A capture that fails may leave another stream current.
            with _capturing, torch.cuda.stream(torch.cuda.current_stream()):
                self._graphs[frames.shape] = _Graph(self._module, frames)
        except RuntimeError as error:
            _Graphs.can_capture = False
            log.warning(
                "going on without CUDA graphs, since one could not be made: %s", first_line(error)
            )
        else:
            del self._runs[frames.shape]

    def _make_room(self) -> None:
        while len(self._graphs) >= MAX_GRAPHS:
            _, unused = self._graphs.popitem(last=False)
            unused.wait()  # its memory is given back


class _Graph:
    """A captured run; its buffers are its own, so one run after the other, on any stream."""

    def __init__(self, module: nn.Module, frames: Tensor) -> None:
        self._input = frames.clone(memory_format=torch.preserve_format)
        self._finished = torch.cuda.Event()
        self._graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with _fastest_kernels():
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP_RUNS):
                    module(self._input)
            torch.cuda.current_stream().wait_stream(stream)
            # On a stream of this device: PyTorch's own one for captures is of the first device that
            # captured. Other threads go on copying frames meanwhile.
            with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
                self._output: Tensor = module(self._input)
        self._finished.record()

    def run(self, frames: Tensor) -> Tensor:
        stream = torch.cuda.current_stream()
        stream.wait_event(self._finished)
        self._input.copy_(frames)
        self._graph.replay()
        output = self._output.clone()
        self._finished.record(stream)
        return output

    def wait(self) -> None:
        """Let this thread go on only after the last run."""
        self._finished.synchronize()


@contextmanager
def _fastest_kernels() -> Iterator[None]:
    """Let cuDNN try its kernels on a new size and keep the fastest, as a graph then does."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
