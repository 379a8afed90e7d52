"""The three threads of a restoration: one decodes, the caller's restores, one encodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread
from time import monotonic

import av
import torch
from av.packet import Packet
from av.stream import Stream

from ..errors import VideoError
from ..frames.device_streams import DeviceStreams, PendingTensor
from ..restorers import Restorer
from ..runtime.host import frame_done, num_threads
from .channel import Channel, ChannelAborted
from .coding import frame_coding
from .events import Picture, TrackPacket
from .frame_writer import FrameWriter
from .moment_planes import MomentPlanes
from .reader import Reader
from .scene_windows import SceneWindows
from .settings import StreamOptions, StreamProgress
from .timing import ShownMoment, Timing

__all__ = ["Restoration"]


@dataclass(frozen=True)
class _Decoded:
    frame: av.VideoFrame
    picture: PendingTensor
    """What is to be restored of it, (channels, H, W)."""


@dataclass(frozen=True)
class _Passed:
    """A frame that need not be restored."""

    number: int = 0
    pts: int = 0
    duration: int = 0


@dataclass(frozen=True)
class _Restored:
    number: int
    frame: av.VideoFrame
    before: PendingTensor
    """What was read of it, (channels, H, W)."""
    pictures: PendingTensor
    """What became of that, (M, channels, H, W)."""
    shown: list[ShownMoment]
    """Which of them are shown, and when."""


def _join(thread: Thread, *, interruptible: bool) -> None:
    """Wait for a thread that is finishing; a first Ctrl-C does not spoil what is nearly done."""
    try:
        thread.join()
    except KeyboardInterrupt:
        if interruptible:
            raise
        thread.join()


class Restoration:
    """The three threads of one restoration.

    On a GPU each has a stream of its own: frames are brought there while others are restored, and
    others brought back.
    """

    def __init__(
        self,
        reader: Reader,
        writer: FrameWriter,
        restorer: Restorer,
        options: StreamOptions,
        timing: Timing,
        report: Callable[[StreamProgress], None],
        begins_with: int = 0,
    ) -> None:
        """Prepare it.

        Args:
            reader: The source.
            writer: The target.
            restorer: What restores the frames.
            options: How.
            timing: When each is shown.
            report: Called after each frame.
            begins_with: How many frames are not restored, since the writer has them.
        """
        self._reader, self._writer, self._restorer = reader, writer, restorer
        self._timing = timing
        self._report = report
        self._coding = frame_coding(
            reader.facts, reader.working_format, restorer.channels, restorer.device
        )
        self._planes = MomentPlanes(restorer, self._coding, reader.working_format)
        self._windows = SceneWindows(
            radius=restorer.radius,
            luma=self._coding.luma,
            scene_threshold=options.scene_threshold,
        )
        self._streams = DeviceStreams(restorer.device)
        self._cores = torch.get_num_threads()
        self._begins_with, self._frames_read = begins_with, 0
        self._decoded: Channel[_Decoded | _Passed | Packet[Stream]] = Channel(options.queue_size)
        groups = max(1, options.queue_size // 2 // restorer.multiplier)
        self._finished: Channel[_Restored | _Passed | Packet[Stream]] = Channel(groups)
        self._failure: BaseException | None = None
        self._frames_done = self._frames_made = 0
        self._first_pts: int | None = None
        self._passed: _Passed | None = None
        self._started_at = monotonic()

    def run(self) -> bool:
        """Restore all frames and complete the file.

        Returns:
            Whether Ctrl-C ended it early. A second Ctrl-C is raised.
        """
        decoding = Thread(target=self._decode, name="vsdeblur decode")
        encoding = Thread(target=self._encode, name="vsdeblur encode")
        try:
            decoding.start()
            encoding.start()
            interrupted = self._restore_until_interrupted()
            self._finished.finish()
            _join(encoding, interruptible=interrupted)
        except ChannelAborted:
            interrupted = False  # the failure that aborted it is raised below
        finally:
            self._stop()
            for thread in (decoding, encoding):
                if thread.ident is not None:
                    thread.join()
        if self._failure is not None:
            raise self._failure
        if not interrupted:
            self._compare_counts()
        return interrupted

    def _restore_until_interrupted(self) -> bool:
        try:
            with self._streams.computing(), num_threads(self._cores):
                for item in self._decoded:
                    if isinstance(item, Packet):
                        self._finished.put(item)
                    elif isinstance(item, _Passed):
                        self._pass(item)
                    else:
                        self._count_passed(item.frame.pts or 0)
                        self._restore(self._windows.push(item.frame, item.picture))
                self._restore(self._windows.flush())
        except KeyboardInterrupt:
            self._decoded.abort()
            return True
        return False

    def _restore(self, windows: Iterator[tuple[av.VideoFrame, torch.Tensor]]) -> None:
        for frame, window in windows:
            if not self._reader.wants(frame):
                continue
            self._restore_one(frame, window)
            self._tell()

    def _pass(self, item: _Passed) -> None:
        """Leave a frame to the writer."""
        self._count_passed(item.pts)
        self._passed = item
        self._finished.put(_Passed(self._frames_done))
        self._tell()

    def _count_passed(self, next_pts: int) -> None:
        """Count what is shown of the frame that was left to the writer last."""
        if self._passed is not None:
            self._frames_made += len(self._shown(self._passed.pts, self._passed.duration, next_pts))
        self._passed = None

    def _tell(self) -> None:
        """Report that one more frame is done."""
        self._frames_done += 1
        if self._frames_done <= self._begins_with:
            self._started_at = monotonic()
        self._report(
            StreamProgress(
                frames_done=self._frames_done,
                frames_expected=self._reader.facts.frames_expected,
                seconds_elapsed=monotonic() - self._started_at,
                frames_kept=min(self._frames_done, self._begins_with),
            )
        )

    def _restore_one(self, frame: av.VideoFrame, window: torch.Tensor) -> None:
        """Restore a frame, or leave it to the writer if that has it."""
        shown = self._shown(frame.pts or 0, frame.duration, self._windows.next_pts)
        self._frames_made += len(shown)
        if self._frames_done < self._begins_with:
            self._finished.put(_Passed(self._frames_done))
            return
        if not shown:  # it is too short for the rate that is wanted
            return
        restored = self._restorer.restore(window, self._reader.first_number + self._frames_done)
        before = self._streams.pending(window[self._restorer.radius])
        pictures = self._streams.pending(restored)
        self._finished.put(_Restored(self._frames_done, frame, before, pictures, shown))

    def _shown(self, pts: int, duration: int, next_pts: int | None) -> list[ShownMoment]:
        """Which moments of a frame are shown, and when; frames come in order."""
        if self._first_pts is None:
            self._first_pts = pts
        return self._timing.shown(self._reader.facts, pts, duration, next_pts, self._first_pts)

    def _decode(self) -> None:
        try:
            # One core is enough for the colours: the network wants them all.
            with self._streams.uploading(), num_threads(1):
                for event in self._reader:
                    if isinstance(event, Picture):
                        self._decoded.put(self._read(event.frame))
                    elif isinstance(event, TrackPacket):
                        self._decoded.put(event.packet)
            self._decoded.finish()
        except ChannelAborted:
            pass
        except BaseException as error:  # raised in the caller's thread
            self._fail(error)

    def _encode(self) -> None:
        try:
            with self._streams.downloading(), num_threads(1):
                for item in self._finished:
                    if isinstance(item, Packet):
                        self._writer.write_packet(item)
                    elif isinstance(item, _Passed):
                        self._writer.pass_frame(item.number)
                    else:
                        self._write(item)
                        frame_done()
            self._writer.finish()
        except ChannelAborted:
            pass
        except BaseException as error:  # raised in the caller's thread
            self._fail(error)

    def _read(self, frame: av.VideoFrame) -> _Decoded | _Passed:
        if self._reader.wants(frame):
            self._frames_read += 1
            # The last ones before those that are restored are in their windows.
            if self._frames_read <= self._begins_with - self._restorer.radius:
                return _Passed(pts=frame.pts or 0, duration=frame.duration)
        return _Decoded(frame, self._streams.pending(self._coding.read(frame)))

    def _write(self, item: _Restored) -> None:
        self._writer.source_frame = item.number
        indices = [each.moment for each in item.shown]
        planes = self._planes.of(item.frame, item.before.taken(), item.pictures.taken(), indices)
        for each, moment in zip(planes, item.shown, strict=True):
            self._writer.write_frame(item.frame, each, moment.shown)

    def _fail(self, error: BaseException) -> None:
        """Keep the first failure, and stop everyone."""
        if self._failure is None:
            self._failure = error
        self._stop()

    def _stop(self) -> None:
        self._decoded.abort()
        self._finished.abort()

    def _compare_counts(self) -> None:
        made = "decoded" if self._restorer.multiplier == 1 else "made"
        if self._writer.frames != self._frames_made:
            raise VideoError(
                f"{self._frames_made} frames were {made} but the encoder gave back "
                f"{self._writer.frames}: use another codec or container"
            )
