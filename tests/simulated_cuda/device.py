"""A CUDA device played by the CPU, which says where work on several streams would race.

Tensors stay on the CPU and every operation is done at once, so results are right whatever is
missing; what is checked is the order that streams, events and locks enforce (see `races`).
`torch.cuda._sanitizer` does the same on real devices, for streams only.

Pinned memory is the host's: NumPy's copies and reads of single values are seen. All other memory
that operations return is the device's, owned by the stream that was current.
"""

import functools
import threading
import weakref
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from simulated_cuda.races import Actor, Memory, Races
from simulated_cuda.stand_ins import Event, Graph, HostLock, Stream
from vsdeblur.frames import device_streams as stages

READS_A_VALUE = ("aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal")


class SimulatedCUDA:
    """The device; `races.found` lists what it has found."""

    def __init__(self):
        self.races = Races()
        self.streams = []
        self.default_stream = Stream(self)
        self._thread = threading.local()

    def install(self, monkeypatch):
        """Put stand-ins in place of `torch.cuda`'s streams, and locks that tell their order."""
        stand_ins = {
            "Stream": lambda device=None, priority=0: Stream(self),
            "Event": lambda **options: Event(self),
            "CUDAGraph": lambda: Graph(self),
            "graph": self._capturing,
            "stream": self.on_stream,
            "current_stream": lambda device=None: self.current_stream,
            "default_stream": lambda device=None: self.default_stream,
            "device": lambda device: nullcontext(),
            "synchronize": lambda device=None: self.synchronize(),
        }
        for name, stand_in in stand_ins.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)
        monkeypatch.setattr(torch.Tensor, "is_cuda", True)
        monkeypatch.setattr(
            torch.Tensor, "record_stream",
            lambda tensor, stream: self.races.at(_start(tensor)).waits_for.add(stream),
        )  # fmt: skip
        # The process's own streams are not of this device.
        monkeypatch.setattr(stages, "_stream", functools.cache(stages._stream.__wrapped__))
        for name in ("Lock", "RLock"):
            monkeypatch.setattr(threading, name, self.lock)
        copyto = np.copyto

        def watched(target, source, **options):
            with self.races.mutex:
                copyto(target, source, **options)
                spans = [
                    np.lib.array_utils.byte_bounds(np.asarray(each)) for each in (source, target)
                ]
                self.races.touch(self.host, spans[:1], spans[1:], "numpy.copyto")

        monkeypatch.setattr(np, "copyto", watched)

    @property
    def host(self):
        """The calling thread."""
        if not hasattr(self._thread, "host"):
            self._thread.host = Actor(f"thread {threading.get_ident()}")
        return self._thread.host

    @property
    def current_stream(self):
        return getattr(self._thread, "stream", self.default_stream)

    @property
    def capture(self):
        """The graph that takes the calling thread's operations; None = they are done."""
        return getattr(self._thread, "capture", None)

    def lock(self):
        return HostLock(self)

    def watching(self):
        """Inside it, the calling thread's operations are the device's."""
        return _Watch(self)

    def run_threads(self, *works):
        """Call functions, each in a thread of its own."""
        known, failures, done = dict(self.host.clock), [], []

        def run(work):
            self.host.learns(known)
            try:
                with self.watching():
                    work()
            except BaseException as error:
                failures.append(error)
            done.append(self.host.clock)

        threads = [threading.Thread(target=run, args=[work]) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for clock in done:
            self.host.learns(clock)
        if failures:
            raise failures[0]

    def synchronize(self):
        with self.races.mutex:
            for stream in self.streams:
                self.host.learns(stream.clock)

    def launch(self, reads, writes, what, stream=None):
        """Let something on a stream read and write spans of memory, (start, stop)."""
        with self.races.mutex:
            stream = stream or self.current_stream
            stream.learns(self.host.clock)
            self.races.touch(stream, reads, writes, what)

    def ran(self, func, args, kwargs, result, *, is_host=False):
        """Note what an operation has done on the current stream."""
        reads, writes, fresh = _effects(func, args, kwargs, result)
        for tensor in [*reads, *writes, *fresh]:
            is_new = any(tensor is each for each in fresh)
            self._know(tensor, self.current_stream if is_new and not is_host else None, is_host)
        reads_a_value = func.name().startswith(READS_A_VALUE)
        if "empty" in func.__name__ or not (fresh or writes or reads_a_value):
            return  # memory that nothing was written to, or a view
        spans = list(map(_span, reads)), list(map(_span, [*writes, *fresh]))
        touched = [self.races.at(_start(tensor)) for tensor in [*reads, *writes, *fresh]]
        from_host = [memory.is_host for memory in touched if memory is not None]
        if from_host and all(from_host):
            self.races.touch(self.host, *spans, func.name())
            return
        self.launch(*spans, func.name())
        non_blocking = kwargs.get("non_blocking") or (func.name() == "aten::copy_" and args[2:])
        if reads_a_value or (any(from_host) and not non_blocking):
            self.host.learns(self.current_stream.clock)

    def replay(self, operations):
        """Do a graph's operations again, in the memory of the first time."""
        with self.races.mutex, _disable_current_modes():
            for func, args, kwargs, result in operations:
                again = func(*args, **kwargs)
                fresh = _effects(func, args, kwargs, result)[2]
                for kept, value in zip(fresh, _effects(func, args, kwargs, again)[2], strict=True):
                    kept.copy_(value)
                self.ran(func, args, kwargs, result)

    def _know(self, tensor, owner, is_host):
        start = _start(tensor)
        if start and self.races.at(start) is None:
            storage = tensor.untyped_storage()
            memory = Memory(start, start + storage.nbytes(), owner, is_host)
            self.races.add(memory)
            freed = weakref.finalize(storage, lambda: self.races.give_back(memory, self.host))
            freed.atexit = False

    @contextmanager
    def on_stream(self, stream):
        before, self._thread.stream = self.current_stream, stream
        try:
            yield
        finally:
            self._thread.stream = before

    @contextmanager
    def _capturing(self, graph, pool=None, stream=None, capture_error_mode="global"):
        self.synchronize()
        self._thread.capture = graph
        try:
            with self.on_stream(stream or Stream(self)):
                yield
        finally:
            self._thread.capture = None


class _Watch(TorchDispatchMode):
    def __init__(self, device):
        super().__init__()
        self._simulated = device

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        device, kwargs = self._simulated, dict(kwargs or {})
        is_host = bool(kwargs.get("pin_memory"))
        if is_host:
            kwargs["pin_memory"] = False
        if device.capture is None:
            with device.races.mutex:
                result = func(*args, **kwargs)
                device.ran(func, args, kwargs, result, is_host=is_host)
            return result
        if is_host or func.name().startswith(READS_A_VALUE):
            raise RuntimeError("operation not permitted when stream is capturing")
        result = func(*args, **kwargs)
        device.capture.operations.append((func, args, kwargs, result))
        return result


def _effects(func, args, kwargs, result):
    """Tensors that an operation reads, writes and makes."""
    schema = func._schema.arguments
    given = [
        *zip(schema, args, strict=False),
        *((a, kwargs[a.name]) for a in schema if a.name in kwargs),
    ]
    reads, writes = [], []
    for argument, value in given:
        is_write = argument.alias_info is not None and argument.alias_info.is_write
        (writes if is_write else reads).extend(_tensors(value))
    known = {_start(tensor) for tensor in [*reads, *writes]}
    return reads, writes, [t for t in _tensors(result) if _start(t) not in known]


def _tensors(value):
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor) and _start(leaf)]


def _start(tensor):
    return tensor.untyped_storage().data_ptr()


def _span(tensor):
    last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    size = (last + 1) * tensor.element_size() if tensor.numel() else 0
    return tensor.data_ptr(), tensor.data_ptr() + size
