"""The streams a frame takes through a device (there, through the network, back), which overlap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["DeviceStreams", "Done", "PendingTensor"]


class Done(Protocol):
    """A point in a stream's work that another stream, or a thread, can wait for."""

    def wait(self) -> None:
        """Let the current stream's work go on only after it."""
        ...

    def synchronize(self) -> None:
        """Let this thread go on only after it."""
        ...


class _AtOnce:
    """On the CPU: work is done when its call returns."""

    def wait(self) -> None:
        pass

    def synchronize(self) -> None:
        pass


@dataclass(frozen=True)
class PendingTensor:
    """What one stream has made for another."""

    tensor: Tensor
    done: Done
    """When it is made."""

    def taken(self) -> Tensor:
        """The tensor, for the current stream: its work goes on only after the tensor is made."""
        self.done.wait()
        if self.tensor.is_cuda:
            # Its memory is not given to others before what this stream does with it is done.
            self.tensor.record_stream(torch.cuda.current_stream(self.tensor.device))
        return self.tensor


@cache
def _stream(device: torch.device, name: str, number: int = 0) -> torch.cuda.Stream:
    """The stream of that name, the same in all of the process.

    Players load a script anew at every seek: with streams of its own, each would need its own
    engine contexts and CUDA graphs.
    """
    return torch.cuda.Stream(device)


class DeviceStreams:
    """A stream for each leg of the way on a CUDA device; on the CPU none: threads overlap there.

    Args:
        device: Where the work is done.
        num_streams: Streams that networks run on, in turn.
    """

    def __init__(self, device: torch.device, num_streams: int = 1) -> None:
        self.on_gpu = device.type == "cuda"
        self._device = device
        self._turn = count()
        if self.on_gpu:
            self._uploads = _stream(device, "uploads")
            self._downloads = _stream(device, "downloads")
            self._networks = [_stream(device, "network", n) for n in range(num_streams)]

    def uploading(self) -> AbstractContextManager[None]:
        """Inside it, work is that of the first stream."""
        return self._on(self._uploads) if self.on_gpu else self._on(None)

    def computing(self) -> AbstractContextManager[None]:
        """Inside it, work is that of the network."""
        if not self.on_gpu:
            return self._on(None)
        return self._on(self._networks[next(self._turn) % len(self._networks)])

    def downloading(self) -> AbstractContextManager[None]:
        """Inside it, work is that of the last stream."""
        return self._on(self._downloads) if self.on_gpu else self._on(None)

    def done(self) -> Done:
        """The point which the current stream's work has been given up to."""
        if not self.on_gpu:
            return _AtOnce()
        event = torch.cuda.Event(blocking=True)  # otherwise a thread that waits keeps a core busy
        event.record(torch.cuda.current_stream(self._device))
        return event

    def pending(self, tensor: Tensor) -> PendingTensor:
        """What the current stream has made, for another one to take."""
        return PendingTensor(tensor, self.done())

    def buffer(self, *shape: int, dtype: torch.dtype) -> torch.Tensor:
        """Memory of this machine that copies to and from the device can run past the CPU."""
        return torch.empty(shape, dtype=dtype, pin_memory=self.on_gpu)

    @contextmanager
    def _on(self, stream: torch.cuda.Stream | None) -> Iterator[None]:
        if stream is None:
            yield
            return
        with torch.cuda.device(self._device), torch.cuda.stream(stream):
            yield
