"""What a live stream is read from: an address, a pipe, a file at its own pace."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event
from typing import Protocol

import av
from av.container import InputContainer

from ....errors import OptionError, VideoError
from ...source import is_pipe, one_line, open_source, single_formats
from ..clock import Clock
from ..settings import LiveOptions
from .addresses import Address, check_carried
from .pipes import PipeEnd

__all__ = ["LiveSource", "NoAnswerError", "open_bytes", "source_for"]

OPEN_SECONDS = 10.0
"""How long an end may take to answer, and to say what it sends."""
STALL_SECONDS = 4.0
"""How long it may send nothing before it is called again."""
_LOOK_SECONDS = 5.0
"""How much of a stream is looked at for its tracks at most: servers send pictures from a key frame
on. It adds to no frame's latency."""
_LISTENING_SECONDS = 60.0
_UDP_PACKETS = 1 << 15
"""Packets of 188 bytes that wait in this process if it is busy for a moment."""
_CATCH_UP = 1.02
"""Pace at which streams that come in pieces of some seconds are read: slowly back to their edge."""
_LISTEN = {
    "rtmp": {"listen": "1"},
    "rtmps": {"listen": "1"},
    "tcp": {"listen": "1"},
    "rtsp": {"rtsp_flags": "listen"},
}
"""How FFmpeg is told to wait for a call."""
_ALWAYS_LISTENING = frozenset({"udp", "rtp"})


class NoAnswerError(VideoError):
    """The other end says nothing, or nobody has called."""


class LiveSource(Protocol):
    """Where a stream comes from."""

    shown: str
    """What it is called."""
    again: bool
    """Whether it can be opened again when it has ended."""
    pace: float | None
    """How fast packets are given out against their own times; None = as they come."""
    listens: bool
    """Whether it is a place where an encoder is waited for."""

    def open(self) -> InputContainer:
        """Open it, and look at what it holds.

        Raises:
            VideoError: It cannot be opened now, or never.
        """
        ...

    def close(self) -> None:
        """Let whoever waits for it go on."""
        ...


def source_for(address: Address, options: LiveOptions, clock: Clock) -> LiveSource:
    """The source at an address.

    Raises:
        VideoError: It is of a kind that is not carried, or a file that is not there.
        OptionError: It cannot be listened to, and that was asked for.
    """
    check_carried(address, target=False)
    if options.listen and address.scheme not in _LISTEN.keys() | _ALWAYS_LISTENING:
        raise OptionError(
            f"--listen is for {', '.join(sorted(_LISTEN))} and udp, not for {address.shown}"
        )
    if address.scheme:
        return _AddressSource(address, options, clock)
    if is_pipe(address.url):
        return _PipeSource(address)
    return _FileSource(address, options)


class _AddressSource:
    """A server that is called, or an encoder that is waited for."""

    again = True

    def __init__(self, address: Address, options: LiveOptions, clock: Clock) -> None:
        self.shown = address.shown
        self.pace: float | None = _CATCH_UP if address.scheme in ("http", "https") else None
        self._url, self._clock = address.url, clock
        self._options = {
            "analyzeduration": str(round(clock.real(_LOOK_SECONDS) * 1e6)),
            "fpsprobesize": "5",
        }
        if address.scheme in ("rtsp", "rtsps"):
            self._options["rtsp_transport"] = "tcp"
        if address.scheme in _ALWAYS_LISTENING:
            self._options |= {"overrun_nonfatal": "1", "fifo_size": str(_UDP_PACKETS)}
        self._open_seconds = OPEN_SECONDS
        self.listens = options.listen and address.scheme in _LISTEN
        if self.listens:
            self._options |= _LISTEN[address.scheme]
            self._open_seconds = _LISTENING_SECONDS

    def open(self) -> InputContainer:
        """See `LiveSource.open`."""
        seconds = self._clock.real(self._open_seconds), self._clock.real(STALL_SECONDS)
        try:
            return open_source(self._url, options=self._options, seconds=seconds)
        except VideoError as error:
            if isinstance(error.__cause__, av.ExitError):
                raise NoAnswerError(f"{self.shown} does not answer") from error
            raise

    def close(self) -> None:
        """Nothing: who reads it is let go after a while."""


class _FileSource:
    """A file, read as fast as it plays."""

    again = listens = False
    pace: float | None = 1.0

    def __init__(self, address: Address, options: LiveOptions) -> None:
        self.shown = address.shown
        self._path, self._allow_playlist = Path(address.url), options.allow_playlist
        if not self._path.is_file():
            raise VideoError(
                f"{self._path} does not exist; give an address, a file, or - for stdin"
            )

    def open(self) -> InputContainer:
        """See `LiveSource.open`."""
        return open_source(self._path, allow_playlist=self._allow_playlist)

    def close(self) -> None:
        """Nothing: files do not let anyone wait."""


class _PipeSource:
    """Stdin, or a named pipe."""

    again = listens = False
    pace: float | None = None

    def __init__(self, address: Address) -> None:
        self.shown = "stdin" if address.url == "-" else address.shown
        self._name = address.url
        self._end: PipeEnd | None = None
        self._closed = Event()

    def open(self) -> InputContainer:
        """See `LiveSource.open`."""
        try:
            # Opened without waiting, so that nobody who has yet to write to it is waited for here.
            descriptor = (
                os.dup(0) if self._name == "-" else os.open(self._name, os.O_RDONLY | os.O_NONBLOCK)
            )
        except OSError as error:
            raise VideoError(f"cannot open {self.shown}: {error.strerror}") from error
        self._end = PipeEnd(descriptor, self._closed)
        return open_bytes(self._end, self.shown)

    def close(self) -> None:
        """See `LiveSource.close`."""
        self._closed.set()


def open_bytes(end: PipeEnd, shown: str) -> InputContainer:
    """Open what comes out of a pipe.

    Raises:
        VideoError: It is no stream that can be read from its beginning.
    """
    options = {"protocol_whitelist": "pipe", "format_whitelist": single_formats()}
    try:
        return av.open(end, "r", container_options=options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"cannot read {shown} as a stream: {one_line(error)}; send MPEG-TS, Matroska or FLV"
        ) from error
