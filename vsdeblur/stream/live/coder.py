"""Encodes pictures at once: no frame waits for the next, and a key frame comes when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.frame import PictureType
from numpy.typing import NDArray

from ...errors import VideoError
from ..encoder import add_encoder
from ..fitting import FrameHolder
from ..formats import replace_planes
from ..settings import StreamOptions
from ..source import one_line
from ..timeline import Rising
from .connection import UNIT
from .form import Form
from .settings import LiveOptions

__all__ = ["CodedPicture", "LiveEncoder", "stream_options", "usual_bits"]

_PRESETS = {"libx264": "veryfast", "libx265": "ultrafast", "libsvtav1": "10"}
_AT_ONCE = {
    "libx264": {"tune": "zerolatency", "forced-idr": "1", "sc_threshold": "0"},
    "libx265": {"tune": "zerolatency", "forced-idr": "1"},
    "libsvtav1": {"svtav1-params": "pred-struct=1"},
}
"""What encoders are told so that no frame waits for the next one."""
_NVENC = {"tune": "ull", "zerolatency": "1", "delay": "0", "rc": "cbr", "forced-idr": "1"}
_BITS_A_PIXEL = 0.12
_LEAST_BITS, _MOST_BITS = 400_000, 40_000_000
_KEY_FRAMES_BY_CLOCK = "9999"
"""Frames between key frames, by the encoder's own count: they are asked for by time."""


@dataclass(frozen=True)
class CodedPicture:
    """A packet of the encoded pictures."""

    data: bytes
    pts: int
    """In units of `UNIT`, like the others."""
    dts: int
    duration: int
    key: bool


def stream_options(options: LiveOptions) -> StreamOptions:
    """The options of a live encoder, but for its bit rate."""
    chosen = dict(_AT_ONCE.get(options.codec, {}))
    preset = options.preset or _PRESETS.get(options.codec)
    if options.codec.endswith("_nvenc"):
        chosen, preset = dict(_NVENC), options.preset or "p4"
    chosen["g"] = _KEY_FRAMES_BY_CLOCK
    return StreamOptions(
        codec=options.codec,
        preset=preset,
        encoder_options=chosen | dict(options.encoder_options),
        scene_threshold=options.scene_threshold,
        pixel_format=options.pixel_format,
        drop=True,
    )


class LiveEncoder:
    """An encoder of pictures of one form.

    Args:
        form: What they are like.
        options: How to encode.

    Raises:
        VideoError: The encoder does not start.
    """

    def __init__(self, form: Form, options: LiveOptions) -> None:
        given = stream_options(options)
        rate = {"b": str(usual_bits(form, options))}
        rate |= {"maxrate": rate["b"], "bufsize": rate["b"]}
        given = replace(given, encoder_options=rate | dict(given.encoder_options))
        self._interval = options.key_frame_seconds
        self._last_key: Fraction | None = None
        self._rising = Rising()
        self._holder = FrameHolder()
        self._step = max(1, round(1 / (form.facts.frame_rate * UNIT)))
        # A container that is written nowhere: the outputs have theirs, and one encoder in common.
        self._container = av.open("encoder", "w", format="null")
        self._stream = add_encoder(self._container, form.facts, given, form.working_format)
        self._stream.thread_type = "SLICE"  # threads that encode a frame each are behind by so many
        self._start(given)

    def encode(
        self,
        frame: av.VideoFrame,
        planes: Sequence[NDArray[np.generic]] | None,
        time: Fraction,
        *,
        key: bool,
    ) -> list[CodedPicture]:
        """Encode a frame.

        Args:
            frame: In the working format; it is not written into.
            planes: What is put in the place of its own, as `FrameCoding.encode` gives it; None =
                nothing.
            time: When it is shown, in seconds.
            key: Whether it has to be a key frame.

        Raises:
            VideoError: The encoder refuses.
        """
        self._holder.hold(frame)
        own = self._holder.once_more(self._rising.after_last(round(time / UNIT)), self._step)
        assert own is not None
        if planes is not None:
            replace_planes(own, planes)
            self._holder.hold(own)
        return self._encode(own, time, key=key)

    def encode_held(self, time: Fraction, *, key: bool) -> list[CodedPicture]:
        """Encode the last frame once more.

        Raises:
            VideoError: The encoder refuses.
        """
        held = self._holder.once_more(self._rising.after_last(round(time / UNIT)), self._step)
        return [] if held is None else self._encode(held, time, key=key)

    def flush(self) -> list[CodedPicture]:
        """What the encoder still holds."""
        return self._packets(None)

    def _encode(self, frame: av.VideoFrame, time: Fraction, *, key: bool) -> list[CodedPicture]:
        frame.time_base = UNIT
        due = self._last_key is None or time - self._last_key >= self._interval
        if key or due:
            self._last_key = time
        frame.pict_type = PictureType.I if key or due else PictureType.NONE
        return self._packets(frame)

    def _packets(self, frame: av.VideoFrame | None) -> list[CodedPicture]:
        try:
            packets: list[Packet[Any]] = list(self._stream.encode(frame))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(f"the encoder {self._stream.name} fails: {one_line(error)}") from error
        return [_coded(packet, self._step) for packet in packets]

    def _start(self, options: StreamOptions) -> None:
        try:
            self._container.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            needs = " (it needs an NVIDIA GPU)" if options.codec.endswith("_nvenc") else ""
            stream = self._stream
            raise VideoError(
                f"the encoder {options.codec}{needs} does not start with {stream.pix_fmt}, "
                f"{stream.width}x{stream.height}: {one_line(error)}; use libx264, for example"
            ) from error
        unknown = self._stream.codec_context.options
        if unknown:
            raise VideoError(
                f"the encoder {options.codec} has no option {next(iter(unknown))!r}; "
                f"see ffmpeg -h encoder={options.codec}"
            )


def _coded(packet: Packet[Any], step: int) -> CodedPicture:
    scale = Fraction(packet.time_base.numerator, packet.time_base.denominator) / UNIT
    pts = round((packet.pts or 0) * scale)
    dts = pts if packet.dts is None else round(packet.dts * scale)
    duration = round((packet.duration or 0) * scale) or step
    return CodedPicture(bytes(packet), pts, dts, duration, packet.is_keyframe)


def usual_bits(form: Form, options: LiveOptions) -> int:
    """Bits a second: those asked for, or as many as pictures of a size and rate look well at."""
    if options.bit_rate is not None:
        return options.bit_rate
    facts = form.facts
    wanted = _BITS_A_PIXEL * facts.width * facts.height * float(facts.frame_rate)
    return round(min(_MOST_BITS, max(_LEAST_BITS, wanted)))
