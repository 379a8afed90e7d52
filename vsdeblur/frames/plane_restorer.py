"""Restores luma planes, from numbers to numbers: each frame brought to the device once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from queue import LifoQueue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..restorers.base import LumaRestorer, finish_luma, refuse_non_finite_sum
from ..runtime.threads import num_threads
from .device_streams import DeviceStreams, Done
from .luma import LumaCoding
from .ring import FrameRing

__all__ = ["Plane", "PlaneRestorer"]

type Plane = NDArray[np.generic]
"""(H, W), a luma plane's numbers."""
type Read = Callable[[int], tuple[Plane, LumaCoding]]
"""Gives a frame's plane and coding, by its number."""

BAND_PIXELS = 1 << 19
"""Pixels at most that the CPU prepares and finishes at once: few enough to stay in its cache."""


@dataclass(frozen=True)
class _Workspace:
    """Memory for one frame at work, used again for the next."""

    rows: tuple[Tensor, Tensor, Tensor]
    """Each (rows of a band, W), float32, on the device."""
    numbers: Tensor
    """(H, W), here: where a result arrives from a GPU."""
    total: Tensor
    """One float32, here."""


class _PlacedFrame(NamedTuple):
    """A frame in its place."""

    exceeds: list[bool]
    """For each band whether its luma lies beyond [0, 1]."""
    done: Done
    """When it is there."""


class PlaneRestorer:
    """Restores planes with a restorer of luma; safe to call from several threads at once.

    Memory is had once, and is bounded: whoever comes while `in_flight` frames are at work waits. On
    a GPU the copies there, the networks and the copies back run in streams of their own; on the CPU
    the threads overlap.

    Args:
        restorer: What restores the windows; its frames are luma.
        height: Of all planes, in pixels.
        width: Of all planes, in pixels.
        coding: How numbers stand for brightness; only their range may differ from frame to frame.
        in_flight: Frames at work at once, at most.
    """

    def __init__(
        self, restorer: LumaRestorer, height: int, width: int, coding: LumaCoding, in_flight: int
    ) -> None:
        self._restorer = restorer
        self._streams = streams = DeviceStreams(restorer.device, restorer.num_streams)
        self._shape = (height, width)
        self._band = height if streams.on_gpu else min(height, max(1, BAND_PIXELS // width))
        self._number_type = coding.tensor_type
        self._length = 2 * restorer.radius + 1
        self._places = 2 * (self._length - 1 + in_flight)
        self._ring: FrameRing[_PlacedFrame] = FrameRing(self._places)
        if streams.on_gpu:  # where numbers lie before they are copied there, and there
            self._here = streams.buffer(self._places, height, width, dtype=self._number_type)
            self._numbers = torch.empty_like(self._here, device=restorer.device, pin_memory=False)
        # The first places lie once more behind the last: every window is in one piece.
        rows, columns = restorer.prepared_size(height, width)
        self._frames = torch.empty(
            self._places + self._length - 1, rows, columns,
            dtype=restorer.frame_type, device=restorer.device,
        )  # fmt: skip
        self._workspaces: LifoQueue[_Workspace | None] = LifoQueue()
        for _ in range(in_flight):
            self._workspaces.put(None)

    def restore(
        self,
        numbers: Sequence[int],
        read: Read,
        target: Plane,
    ) -> None:
        """Restore the middle frame of a window.

        Args:
            numbers: The window's frames; next to a cut some come several times.
            read: A frame's plane and coding, by its number.
            target: (H, W), where to write the restored plane.

        Raises:
            DeblurError: The network gave a value that is NaN or infinite, or memory ran out.
        """
        work = self._workspaces.get()
        try:
            if work is None:
                work = self._workspace()
            with (
                torch.inference_mode(),
                # Frames are at work side by side: around the network each keeps to its thread.
                num_threads(1),
                self._ring.window(numbers, lambda n, at: self._upload(n, read, at, work)) as there,
            ):
                self._restore(numbers, there, read, work, target)
        finally:
            self._workspaces.put(work)

    def _upload(self, number: int, read: Read, at: int, work: _Workspace) -> _PlacedFrame:
        """Bring a frame to its place."""
        height, width = self._shape
        frame, exceeds = self._frames[at], []
        with self._streams.uploading(), self._complete():
            plane, coding = read(number)
            if self._streams.on_gpu:
                np.copyto(self._here[at].numpy(), plane)
                self._numbers[at].copy_(self._here[at], non_blocking=True)
            for band in self._bands():
                exceeds.append(coding.exceeds(plane[band]))
                luma = self._read(plane, coding, at, band, work)
                frame[band, :width].copy_(luma.clamp_(0, 1) if exceeds[-1] else luma)
            self._restorer.complete(frame, height, width)
            if at < self._length - 1:
                self._frames[self._places + at].copy_(frame)
            return _PlacedFrame(exceeds, self._streams.done())

    def _read(
        self, plane: Plane, coding: LumaCoding, at: int, band: slice, work: _Workspace
    ) -> Tensor:
        """Luma of some rows of a frame that lies at a place, in the first of the rows."""
        numbers = self._numbers[at, band] if self._streams.on_gpu else plane[band]
        return coding.read(numbers, _part(work.rows[0], band))

    def _restore(
        self,
        numbers: Sequence[int],
        there: Sequence[_PlacedFrame],
        read: Read,
        work: _Workspace,
        target: Plane,
    ) -> None:
        """Run the network over a window and bring the result back."""
        height, width = self._shape
        radius, streams = self._restorer.radius, self._streams
        with streams.computing(), self._complete():
            for frame in there:
                frame.done.wait()
            middle = read(numbers[radius])
            output = self._restorer.run(self._window(numbers))[:height, :width]
            for band, exceeds in zip(self._bands(), there[radius].exceeds, strict=True):
                result, total = self._finished(
                    output[band], *middle, numbers[radius] % self._places, band, exceeds, work
                )
                if not streams.on_gpu:
                    refuse_non_finite_sum(float(total))
                    middle[1].store(result, target[band])
            if not streams.on_gpu:
                return
            result = result.to(self._number_type)  # the one band that there is
            computed = streams.done()
        with streams.downloading(), self._complete():
            computed.wait()
            work.numbers.copy_(result, non_blocking=True)
            work.total.copy_(total, non_blocking=True)
            streams.done().synchronize()
        refuse_non_finite_sum(float(work.total))
        np.copyto(target, work.numbers.numpy())

    def _finished(
        self,
        output: Tensor,
        plane: Plane,
        coding: LumaCoding,
        at: int,
        band: slice,
        exceeds: bool,
        work: _Workspace,
    ) -> tuple[Tensor, Tensor]:
        """The numbers of some rows, as floats, and the sum of what the network gave."""
        output = _part(work.rows[1], band).copy_(output)
        total = output.sum()
        adds = self._restorer.adds_middle_frame
        if exceeds:
            luma = self._read(plane, coding, at, band, work)
            restored = finish_luma(output, luma, _part(work.rows[2], band), adds_middle_frame=adds)
        else:  # what `finish_luma` comes down to
            if adds:
                output.add_(self._read(plane, coding, at, band, work))
            restored = output.clamp_(0, 1)
        return coding.write(restored), total

    @contextmanager
    def _complete(self) -> Iterator[None]:
        """Inside a stream: after an error too, nothing is under way in memory that others get."""
        try:
            yield
        except BaseException:
            self._streams.done().synchronize()
            raise

    def _bands(self) -> Iterator[slice]:
        height, step = self._shape[0], self._band
        return (slice(top, min(top + step, height)) for top in range(0, height, step))

    def _window(self, numbers: Sequence[int]) -> Tensor:
        """The frames of a window: a view, but for those that come several times."""
        first = numbers[0] % self._places
        if all(after - before == 1 for before, after in pairwise(numbers)):
            return self._frames[first : first + self._length]
        return torch.stack([self._frames[number % self._places] for number in numbers])

    def _workspace(self) -> _Workspace:
        device, buffer = self._restorer.device, self._streams.buffer
        rows = [torch.empty(self._band, self._shape[1], device=device) for _ in range(3)]
        # The streams' streams do not wait for this one: for what brought the weights there, and for
        # what else used the memory that is had on it.
        self._streams.done().synchronize()
        arrives = self._shape if self._streams.on_gpu else (0, 0)
        return _Workspace(
            rows=(rows[0], rows[1], rows[2]),
            numbers=buffer(*arrives, dtype=self._number_type),
            total=buffer(dtype=torch.float32),
        )


def _part(rows: Tensor, band: slice) -> Tensor:
    length = band.stop - band.start
    return rows if len(rows) == length else rows[:length]
