"""The road of a frame: planes to a device, prepared once, through the restorer, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from queue import LifoQueue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..restorers.base import KnownWindow, Outcome, Restorer, refuse_non_finite_sum
from ..runtime.host import num_threads
from .device_streams import DeviceStreams, Done
from .luma import LumaCoding
from .ring import FrameRing

__all__ = ["FrameRestorer", "Plane", "Source"]

type Plane = NDArray[np.generic]
"""(H, W), a plane's numbers."""

BAND_PIXELS = 1 << 19
"""Pixels at most that the CPU prepares and finishes at once: few enough to stay in its cache."""


class Source(NamedTuple):
    """A frame as a front end has it."""

    planes: Sequence[Plane]
    """One of luma, or those of R, G and B."""
    coding: LumaCoding
    """How their numbers stand for brightness."""


@dataclass(frozen=True)
class _Workspace:
    """Memory for one frame at work, used again for the next."""

    middle: Tensor
    """(channels, rows of a band, W), float32, on the device."""
    result: Tensor
    """As `middle`."""
    numbers: Tensor
    """(channels, H, W), here: where a picture arrives from a GPU."""
    total: Tensor
    """One float32, here."""


class _PlacedFrame(NamedTuple):
    """A frame in its place."""

    exceeds: list[bool]
    """For each band whether it lies beyond [0, 1]."""
    summary: Tensor | None
    """What the restorer decides by, here."""
    done: Done
    """When all of it is there."""


class FrameRestorer:
    """Restores frames of planes with a restorer; safe to call from several threads at once.

    Memory is had once, and is bounded: whoever comes while `in_flight` frames are at work waits. On
    a GPU the copies there, the networks and the copies back run in streams of their own; on the CPU
    the threads overlap.

    Args:
        restorer: What restores the windows.
        height: Of all planes, in pixels.
        width: Of all planes, in pixels.
        coding: How numbers stand for brightness; only their range may differ from frame to frame.
        in_flight: Frames at work at once, at most.
    """

    def __init__(
        self, restorer: Restorer, height: int, width: int, coding: LumaCoding, in_flight: int
    ) -> None:
        self._restorer = restorer
        self._streams = streams = DeviceStreams(restorer.device, restorer.num_streams)
        self._shape = (restorer.channels, height, width)
        band = height if streams.on_gpu else min(height, max(1, BAND_PIXELS // width))
        self._bands = [slice(top, min(top + band, height)) for top in range(0, height, band)]
        self._number_type = coding.tensor_type
        self._length = 2 * restorer.radius + 1
        # Windows that overlap want room for those that come out of order.
        places = in_flight if self._length == 1 else 2 * (self._length - 1 + in_flight)
        self._places = places
        self._ring: FrameRing[_PlacedFrame] = FrameRing(places)
        if streams.on_gpu:  # where numbers lie before they are copied there, and there
            self._here = streams.buffer(places, *self._shape, dtype=self._number_type)
            self._there = torch.empty_like(self._here, device=restorer.device, pin_memory=False)
        # The first places lie once more behind the last: every window is in one piece.
        size = restorer.prepared_size(height, width)
        self._frames = torch.empty(
            places + self._length - 1, restorer.channels, *size,
            dtype=restorer.frame_type, device=restorer.device,
        )  # fmt: skip
        self._workspaces: LifoQueue[_Workspace | None] = LifoQueue()
        for _ in range(in_flight):
            self._workspaces.put(None)

    def restore(
        self,
        numbers: Sequence[int],
        sources: Sequence[Source],
        targets: Sequence[Sequence[Plane]],
    ) -> Outcome:
        """Restore the middle frame of a window.

        Args:
            numbers: The window's frames; next to a cut some come several times.
            sources: What each of them holds.
            targets: For each picture that is made, its planes, (H, W): they are overwritten.

        Returns:
            What the restorer made of it: pictures, not finished, and facts.

        Raises:
            DeblurError: The network gave a value that is NaN or infinite, or memory ran out.
        """
        frames = dict(zip(numbers, sources, strict=True))
        work = self._workspaces.get()
        try:
            if work is None:
                work = self._workspace()
            with (
                torch.inference_mode(),
                # Frames are at work side by side: around the network each keeps to its thread.
                num_threads(1),
                self._ring.window(
                    numbers, lambda n, at: self._upload(frames[n], at, work)
                ) as there,
            ):
                return self._restore(numbers, there, frames, work, targets)
        finally:
            self._workspaces.put(work)

    def _upload(self, source: Source, at: int, work: _Workspace) -> _PlacedFrame:
        """Bring a frame to its place."""
        _, height, width = self._shape
        frame, exceeds = self._frames[at], []
        with self._streams.uploading(), self._complete():
            if self._streams.on_gpu:
                for here, plane in zip(self._here[at].numpy(), source.planes, strict=True):
                    np.copyto(here, plane)
                self._there[at].copy_(self._here[at], non_blocking=True)
            for band in self._bands:
                exceeds.append(any(source.coding.exceeds(plane[band]) for plane in source.planes))
                picture = self._read(source, at, band, work)
                frame[:, band, :width].copy_(picture.clamp_(0, 1) if exceeds[-1] else picture)
            self._restorer.complete(frame, height, width)
            if at < self._length - 1:
                self._frames[self._places + at].copy_(frame)
            summary = self._restorer.summarize(frame, height, width)
            if summary is not None and self._streams.on_gpu:
                here = self._streams.buffer(*summary.shape, dtype=summary.dtype)
                summary = here.copy_(summary, non_blocking=True)
            return _PlacedFrame(exceeds, summary, self._streams.done())

    def _read(self, source: Source, at: int, band: slice, work: _Workspace) -> Tensor:
        """Some rows of a frame that lies at a place: (channels, rows, W), in `work.middle`."""
        picture = _rows(work.middle, band)
        for channel, plane in enumerate(source.planes):
            numbers = self._there[at, channel, band] if self._streams.on_gpu else plane[band]
            source.coding.read(numbers, picture[channel])
        return picture

    def _restore(
        self,
        numbers: Sequence[int],
        there: Sequence[_PlacedFrame],
        frames: Mapping[int, Source],
        work: _Workspace,
        targets: Sequence[Sequence[Plane]],
    ) -> Outcome:
        """Run the networks over a window and bring the result back."""
        number = numbers[self._restorer.radius]
        with self._streams.computing(), self._complete():
            for frame in there:
                frame.done.wait()
            known = self._known(numbers, there)
            outcome = self._restorer.run(self._window(numbers), self._shape[1:], number, known)
            computed = self._streams.done()
        if outcome.untouched:
            for planes in targets:
                for source, plane in zip(frames[number].planes, planes, strict=True):
                    np.copyto(plane, source)
            return outcome
        exceeds = there[self._restorer.radius].exceeds
        with self._streams.downloading():
            computed.wait()
        for picture, planes in zip(outcome.pictures, targets, strict=True):
            self._bring_back(picture, number % self._places, frames[number], exceeds, work, planes)
        return outcome

    def _known(self, numbers: Sequence[int], there: Sequence[_PlacedFrame]) -> KnownWindow | None:
        """Offsets and summaries of a window's frames, once they have arrived."""
        middle = numbers[self._restorer.radius]
        summaries = [frame.summary for frame in there if frame.summary is not None]
        if not summaries:
            return None
        for frame in there:
            frame.done.synchronize()
        return KnownWindow([number - middle for number in numbers], summaries)

    def _bring_back(
        self,
        picture: Tensor,
        at: int,
        source: Source,
        exceeds: Sequence[bool],
        work: _Workspace,
        planes: Sequence[Plane],
    ) -> None:
        """Finish a picture, (channels, H, W), and write its numbers into planes."""
        streams = self._streams
        with streams.downloading(), self._complete():
            for band, may_exceed in zip(self._bands, exceeds, strict=True):
                written, total = self._finished(picture, at, source, band, may_exceed, work)
                if not streams.on_gpu:
                    if not isfinite(total):
                        refuse_non_finite_sum(float(total))
                    for channel, plane in enumerate(planes):
                        source.coding.store(written[channel], plane[band])
            if not streams.on_gpu:
                return
            # There is one band.
            work.numbers[: written.shape[0]].copy_(written.to(self._number_type), non_blocking=True)
            work.total.copy_(total, non_blocking=True)
            streams.done().synchronize()
        refuse_non_finite_sum(float(work.total))
        for plane, arrived in zip(planes, work.numbers.numpy(), strict=False):
            np.copyto(plane, arrived)

    def _finished(
        self,
        picture: Tensor,
        at: int,
        source: Source,
        band: slice,
        exceeds: bool,
        work: _Workspace,
    ) -> tuple[Tensor, Tensor]:
        """Numbers of some rows, as floats, and the sum of what the restorer gave of them."""
        output = _rows(work.result, band)[: picture.shape[0]].copy_(picture[:, band])
        total = output.sum()
        is_needed = exceeds or self._restorer.adds_middle_frame
        middle = self._read(source, at, band, work) if is_needed else None
        restored = self._restorer.finish(output, middle, exceeds=exceeds)
        return source.coding.write(restored), total

    @contextmanager
    def _complete(self) -> Iterator[None]:
        """Inside a stream: after an error too, nothing is under way in memory that others get."""
        try:
            yield
        except BaseException:
            self._streams.done().synchronize()
            raise

    def _window(self, numbers: Sequence[int]) -> Tensor:
        """The frames of a window: a view, but for those that come several times."""
        first = numbers[0] % self._places
        if all(after - before == 1 for before, after in pairwise(numbers)):
            return self._frames[first : first + self._length]
        return torch.stack([self._frames[number % self._places] for number in numbers])

    def _workspace(self) -> _Workspace:
        channels, height, width = self._shape
        rows = self._bands[0].stop
        device, buffer = self._restorer.device, self._streams.buffer
        middle, result = (torch.empty(channels, rows, width, device=device) for _ in range(2))
        # The streams do not wait for this one: for what brought the weights there, and for what
        # else used the memory that is had on it.
        self._streams.done().synchronize()
        arrives = (channels, height, width) if self._streams.on_gpu else (0, 0, 0)
        return _Workspace(
            middle=middle,
            result=result,
            numbers=buffer(*arrives, dtype=self._number_type),
            total=buffer(dtype=torch.float32),
        )


def _rows(buffer: Tensor, band: slice) -> Tensor:
    """As many rows of a buffer, (channels, rows, W), as a band has."""
    length = band.stop - band.start
    return buffer if buffer.shape[1] == length else buffer[:, :length]
