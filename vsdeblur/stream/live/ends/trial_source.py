"""A live stream made here, to try things with: a blurred picture that moves, a flash and a beep.

Each second the corner of the picture flashes for one frame and a tone sounds with it: whoever sees
and hears both knows whether they belong together.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from fractions import Fraction
from threading import Event, Thread

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from ..clock import Clock
from .pipes import PipeEnd, PipeMouth
from .sources import open_bytes

__all__ = ["TrialSource"]

_WIDTH, _HEIGHT, _RATE = 640, 360, 30
_SOUND_RATE, _SOUND_FRAME = 48_000, 1024
_TONE_HERTZ, _TONE_SECONDS = 1000, 0.1
_SWING, _SWING_SECONDS = 120, 4.0
"""Pixels by which the picture swings to and fro, and how long it takes."""
_EXPOSURE = 0.7
"""Share of the time between frames for which the shutter is open: the rest of the blur is speed."""
_FLASH = 60
"""Height and width of the corner that flashes, in pixels."""


class TrialSource:
    """Makes a stream as fast as it plays, MPEG-TS with H.264 and AAC. See `LiveSource`.

    Args:
        clock: The run's.
    """

    shown = "the test source"
    again = listens = False
    pace: float | None = None

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed = Event()

    def open(self) -> InputContainer:
        """Begin it."""
        reading, writing = os.pipe()
        mouth = PipeMouth(writing, self._closed)
        Thread(target=self._make, args=(mouth,), name="vsdeblur test source", daemon=True).start()
        return open_bytes(PipeEnd(reading, self._closed), self.shown)

    def close(self) -> None:
        """End it."""
        self._closed.set()

    def _make(self, mouth: PipeMouth) -> None:
        try:
            with av.open(mouth, "w", format="mpegts") as container:
                self._send(container)
        except (av.FFmpegError, OSError):
            return  # nobody reads it any more
        finally:
            mouth.close()

    def _send(self, container: av.container.OutputContainer) -> None:
        video = container.add_stream(
            "libx264", rate=_RATE, options={"preset": "ultrafast", "tune": "zerolatency"}
        )
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        video.codec_context.gop_size = _RATE
        sound = container.add_stream("aac", rate=_SOUND_RATE)
        assert isinstance(sound, av.AudioStream)
        beeps = _beeps()
        start, heard = self._clock.now(), Fraction(0)
        for number, frame in enumerate(_frames()):
            while heard <= Fraction(number, _RATE):
                samples = next(beeps)
                container.mux(sound.encode(samples))
                heard += Fraction(samples.samples, _SOUND_RATE)
            container.mux(video.encode(frame))
            if self._clock.wait(self._closed, start + (number + 1) / _RATE - self._clock.now()):
                return


def _frames() -> Iterator[av.VideoFrame]:
    """Pictures without end."""
    sums = np.cumsum(_texture(), axis=1, dtype=np.float64)
    number = 0
    while True:
        begins, ends = (_place((number + part) / _RATE) for part in (0.0, _EXPOSURE))
        first = round(min(begins, ends))
        span = max(1, round(abs(ends - begins)))
        # What lies between two places, averaged: the mean of all pictures of the exposure.
        moved = sums[:, first + span : first + span + _WIDTH] - sums[:, first : first + _WIDTH]
        luma = (moved / span).astype(np.uint8)
        if number % _RATE == 0:
            luma[:_FLASH, :_FLASH] = 235
        yield _frame(luma, number)
        number += 1


def _place(seconds: float) -> float:
    """Where the picture is, in pixels from the left of the texture."""
    return _SWING * (1 + math.sin(2 * math.pi * seconds / _SWING_SECONDS))


def _texture() -> NDArray[np.uint8]:
    """A wall with a pattern of several sizes; its upper left corner stays dark."""
    width = _WIDTH + 3 * _SWING
    rows, columns = np.mgrid[:_HEIGHT, :width]
    waves = np.sin(columns / 3) + np.sin(columns / 11 + rows / 17) + np.sin(rows / 7)
    blocks = ((columns // 24 + rows // 24) % 2) * 2 - 1
    texture: NDArray[np.uint8] = (126 + 18 * waves + 24 * blocks).clip(16, 200).astype(np.uint8)
    texture[:_FLASH] = 32
    return texture


def _frame(luma: NDArray[np.uint8], number: int) -> av.VideoFrame:
    planes = np.full((_HEIGHT * 3 // 2, _WIDTH), 128, np.uint8)
    planes[:_HEIGHT] = luma
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, _RATE)
    return frame


def _beeps() -> Iterator[av.AudioFrame]:
    """Sound without end: a tone at each full second."""
    position = 0
    while True:
        seconds = (position + np.arange(_SOUND_FRAME)) / _SOUND_RATE
        tone = 0.3 * np.sin(2 * np.pi * _TONE_HERTZ * seconds) * (seconds % 1 < _TONE_SECONDS)
        frame = av.AudioFrame.from_ndarray(
            np.vstack([tone, tone]).astype(np.float32), "fltp", "stereo"
        )
        frame.sample_rate, frame.pts = _SOUND_RATE, position
        frame.time_base = Fraction(1, _SOUND_RATE)
        yield frame
        position += _SOUND_FRAME
