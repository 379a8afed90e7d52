"""Restores a file: one thread decodes, the caller's restores, one encodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic

import av
import numpy as np
import torch
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from ..errors import VideoError
from ..restorers import Restorer
from .channel import Channel, ChannelAborted
from .coding import frame_coding
from .encoder import encoder_named, working_format
from .moments import MomentPlanes, timing_of
from .options import StreamOptions, StreamProgress, StreamResult
from .paths import check_paths, check_size, partial_file
from .reader import Reader
from .still import is_picture, restore_picture
from .timing import Shown, Timing
from .window import SceneWindows
from .writer import Writer

__all__ = ["restore_file"]


def _say_nothing(progress: StreamProgress) -> None:
    pass


def restore_file(
    source: Path,
    target: Path,
    restorer: Restorer,
    options: StreamOptions = StreamOptions(),  # noqa: B008 - frozen
    report: Callable[[StreamProgress], None] = _say_nothing,
) -> StreamResult:
    """Restore a video file into a video file, or a picture into a picture.

    Luma is replaced by restorers of luma, and chroma too by those of RGB; times, sound and all else
    stay as they are. A restorer that gives several frames for each divides their time, or makes
    slow motion: see `StreamOptions`. The target appears when it is complete: after an error there
    is none, or the old one.

    Args:
        source: File to read.
        target: File to write; its suffix says in what container or picture format.
        restorer: What restores the frames.
        options: How to encode; pictures heed only `overwrite`.
        report: Called in this thread after each restored frame.

    Raises:
        VideoError: A file cannot be read or written, or not so; the text is one line.
    """
    assert restorer.channels in (1, 3), restorer.channels
    source, target = Path(source), Path(target)
    check_paths(source, target, overwrite=options.overwrite)
    if is_picture(source) or is_picture(target):
        _refuse_several(source, restorer)
        with partial_file(target) as partial:
            restore_picture(source, target, restorer, partial.path)
            partial.keep()
        return StreamResult(frames_in=1, frames_out=1, interrupted=False, target=target)
    codec = encoder_named(options.codec)
    timing = timing_of(restorer, options)
    with Reader(source) as reader:
        check_size(source, reader.facts.width, reader.facts.height)
        reader.working_format = working_format(reader.facts, options, codec)
        with (
            partial_file(target) as partial,
            Writer(partial.path, reader, options, timing, named=target) as writer,
        ):
            restoration = _Restoration(reader, writer, restorer, options, timing, report)
            interrupted = restoration.run()
            if writer.frames:
                partial.keep()
    return StreamResult(
        frames_in=reader.frames, frames_out=writer.frames, interrupted=interrupted, target=target
    )


def _refuse_several(source: Path, restorer: Restorer) -> None:
    """Refuse to write several frames into a picture.

    Raises:
        VideoError: The restorer gives several.
    """
    if restorer.multiplier > 1:
        raise VideoError(
            f"{source} cannot be restored as a picture: this filter gives {restorer.multiplier} "
            "frames for each; give a video, or use the filter brmr or dblrgan"
        )


@dataclass
class _Restored:
    frame: av.VideoFrame
    planes: list[NDArray[np.generic]]
    shown: Shown


def _join(thread: Thread, *, interruptible: bool) -> None:
    """Wait for a thread that is finishing; a first Ctrl-C does not spoil what is nearly done."""
    try:
        thread.join()
    except KeyboardInterrupt:
        if interruptible:
            raise
        thread.join()


class _Restoration:
    """The three threads of one restoration."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        restorer: Restorer,
        options: StreamOptions,
        timing: Timing,
        report: Callable[[StreamProgress], None],
    ) -> None:
        self._reader, self._writer, self._restorer = reader, writer, restorer
        self._timing = timing
        self._report = report
        self._coding = frame_coding(
            reader.facts, reader.working_format, restorer.channels, restorer.device
        )
        self._planes = MomentPlanes(restorer, self._coding, reader.working_format)
        self._windows = SceneWindows(
            radius=restorer.radius,
            coding=self._coding,
            scene_threshold=options.scene_threshold,
        )
        self._decoded: Channel[av.VideoFrame | Packet[Stream]] = Channel(options.queue_size)
        self._finished: Channel[_Restored | Packet[Stream]] = Channel(options.queue_size)
        self._failure: BaseException | None = None
        self._frames_done = 0
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
            for item in self._decoded:
                if isinstance(item, Packet):
                    self._finished.put(item)
                else:
                    self._restore(self._windows.push(item))
            self._restore(self._windows.flush())
        except KeyboardInterrupt:
            self._decoded.abort()
            return True
        return False

    def _restore(self, windows: Iterator[tuple[av.VideoFrame, torch.Tensor]]) -> None:
        for frame, window in windows:
            restored = self._restorer.restore(window, self._frames_done)
            shown = self._timing.moments(
                self._reader.facts, frame.pts or 0, frame.duration, self._windows.next_pts
            )
            planes = self._planes.of(frame, window[self._restorer.radius], restored)
            for each, moment in zip(planes, shown, strict=True):
                self._finished.put(_Restored(frame, each, moment))
            self._frames_done += 1
            self._report(
                StreamProgress(
                    frames_done=self._frames_done,
                    frames_expected=self._reader.facts.frames_expected,
                    seconds_elapsed=monotonic() - self._started_at,
                )
            )

    def _decode(self) -> None:
        try:
            for item in self._reader:
                self._decoded.put(item)
            self._decoded.finish()
        except ChannelAborted:
            pass
        except BaseException as error:  # raised in the caller's thread
            self._fail(error)

    def _encode(self) -> None:
        try:
            for item in self._finished:
                if isinstance(item, _Restored):
                    self._writer.write_frame(item.frame, item.planes, item.shown)
                else:
                    self._writer.write_packet(item)
            self._writer.finish()
        except ChannelAborted:
            pass
        except BaseException as error:  # raised in the caller's thread
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Keep the first failure, and stop everyone."""
        if self._failure is None:
            self._failure = error
        self._stop()

    def _stop(self) -> None:
        self._decoded.abort()
        self._finished.abort()

    def _compare_counts(self) -> None:
        expected = self._reader.frames * self._timing.multiplier
        made = "decoded" if self._timing.multiplier == 1 else "made"
        if self._writer.frames != expected:
            raise VideoError(
                f"{expected} frames were {made} but the encoder gave back "
                f"{self._writer.frames}; nothing is kept: use another codec or container"
            )
