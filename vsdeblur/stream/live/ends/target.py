"""Where a live stream goes, and how FFmpeg is told to send it there."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import av
from av.container import OutputContainer

from ....errors import OptionError, VideoError
from ...containers import container_of
from ...encoder import encoder_named
from ...outlet import check_streamable
from ...paths import check_paths, free_name, is_stream
from ...source import one_line, protocols_for
from ..clock import Clock
from ..settings import LiveOptions
from .addresses import Address, check_carried
from .pipes import PipeMouth

__all__ = ["LiveTarget", "make_targets"]

OPEN_SECONDS = 5.0
"""How long the other end may take to answer."""
WRITE_SECONDS = 2.0
"""How long it may take nothing before that is a stall."""
_CONTAINERS = {
    "rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp", "udp": "mpegts",
    "tcp": "mpegts", "rtp": "rtp_mpegts", "http": "mpegts", "https": "mpegts",
}  # fmt: skip
_FIXED = frozenset({"rtmp", "rtmps", "rtsp", "rtsps", "rtp"})
"""Kinds of addresses that carry one format."""
_IN_FLIGHT_SECONDS = 0.25
"""What a socket may hold that the other end has not taken, in seconds at the usual bit rate."""
_LEAST_BUFFER = 1 << 15
_PLAYLIST_SEGMENTS = "6"
_FORMAT_OPTIONS = {
    # Sound is not gathered into larger packets, which would have it wait.
    "mpegts": {"pes_payload_size": "0", "mpegts_flags": "+resend_headers"},
    "flv": {"flvflags": "+no_duration_filesize"},
    # Plays up to where it was cut off; complete, it is an ordinary file.
    "mp4": {"movflags": "+hybrid_fragmented"},
    "mov": {"movflags": "+hybrid_fragmented"},
    "rtsp": {"rtsp_transport": "tcp"},
}


def make_targets(addresses: list[Address], options: LiveOptions) -> list[LiveTarget]:
    """Check where the stream is to go, before anything is loaded.

    Raises:
        VideoError: One cannot be written.
        OptionError: Two are the same.
    """
    if len({address.url for address in addresses}) < len(addresses):
        raise OptionError("two outputs have the same address; give each its own")
    return [_checked(address, options) for address in _told_apart(addresses)]


def _told_apart(addresses: list[Address]) -> Iterator[Address]:
    """Number those that are called the same once their keys are hidden."""
    seen = Counter[str]()
    for address in addresses:
        seen[address.shown] += 1
        number = seen[address.shown]
        yield address if number == 1 else replace(address, shown=f"{address.shown} ({number})")


def _checked(address: Address, options: LiveOptions) -> LiveTarget:
    check_carried(address, target=True)
    container = _container(address, options)
    _check_codec(container, options.codec)
    if not address.scheme:
        check_paths("-", address.url, overwrite=options.overwrite)
        if is_stream(address.url):
            check_streamable(address.url, container)
    return LiveTarget(address, container, options.key_frame_seconds)


def _check_codec(container: str, codec: str) -> None:
    """Refuse a format that cannot hold the pictures.

    Raises:
        VideoError: It cannot; or there is no such encoder.
    """
    name = encoder_named(codec).canonical_name
    try:
        with av.open("trial", "w", format=container) as trial:
            trial.add_mux_stream(name, width=64, height=48)
    except ValueError as error:
        raise VideoError(f"{container} cannot hold video of {codec}; use libx264") from error


def _container(address: Address, options: LiveOptions) -> str:
    """FFmpeg's name of the format that an address gets."""
    if address.scheme in _FIXED:
        return _CONTAINERS[address.scheme]
    path = address.url.partition("?")[0]
    if path.endswith(".m3u8"):
        return "hls"
    if address.scheme:
        default = _CONTAINERS[address.scheme]
        return container_of(path, options.container) if options.container else default
    if address.url == "-" or is_stream(address.url):
        return container_of(path, options.container or "mpegts")
    return container_of(path, options.container)


@dataclass
class LiveTarget:
    """One place that a live stream goes to."""

    address: Address
    container: str
    """FFmpeg's name of the format."""
    segment_seconds: float
    """Of a playlist."""
    opened: int = 0
    """How often it has been opened."""
    _path: str = ""
    """Of the file that was opened last."""

    @property
    def shown(self) -> str:
        """What it is called."""
        if self.address.url == "-":
            return "stdout"
        return self._path if self._path and self.opened > 1 else self.address.shown

    @property
    def is_pipe(self) -> bool:
        """Whether it is stdout, a named pipe or a device."""
        return not self.address.scheme and is_stream(self.address.url)

    @property
    def again(self) -> bool:
        """Whether it can be opened again when it is lost."""
        return self.address.url != "-"

    def open(
        self, bit_rate: int, clock: Clock, stop: Event
    ) -> tuple[OutputContainer, PipeMouth | None]:
        """Open it; FFmpeg connects when the first packet is written.

        Args:
            bit_rate: Bits a second, about.
            clock: The run's.
            stop: Calls off what waits for the other end.

        Returns:
            The container, and the pipe that is to be closed after it.

        Raises:
            VideoError: It cannot be opened.
        """
        self.opened += 1
        seconds = clock.real(OPEN_SECONDS), clock.real(WRITE_SECONDS)
        options = {"flush_packets": "1", "max_interleave_delta": "1"}
        options |= _FORMAT_OPTIONS.get(self.container, {}) | self._options(bit_rate)
        file: Any = self._file(stop)
        try:
            container = av.open(
                file, "w", format=self.container, container_options=options, timeout=seconds
            )
            return container, file if isinstance(file, PipeMouth) else None
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(f"cannot open {self.shown}: {one_line(error)}") from error

    def give_back(self) -> None:
        """It could not be opened: leave no empty file, and no gap in the numbers of files."""
        self.opened -= 1
        if self.address.scheme or self.is_pipe or self.container == "hls":
            return
        with suppress(OSError):
            path = Path(self._path)
            if not path.stat().st_size:
                path.unlink()

    def _file(self, stop: Event) -> str | PipeMouth:
        if self.address.scheme:
            return self.address.url
        if self.is_pipe:
            return PipeMouth(_descriptor(self.address.url), stop)
        path = Path(self.address.url)
        if self.opened > 1 and self.container != "hls":
            path = free_name(path, str(self.opened))
        self._path = str(path)
        return f"file:{path.absolute()}" if self.container != "hls" else str(path.absolute())

    def _options(self, bit_rate: int) -> dict[str, str]:
        scheme = self.address.scheme
        options = {}
        if scheme:
            options["protocol_whitelist"] = protocols_for(self.address.url)
        if scheme in ("rtmp", "rtmps", "tcp"):
            size = max(_LEAST_BUFFER, round(bit_rate / 8 * _IN_FLIGHT_SECONDS))
            options["send_buffer_size"] = str(size)
        if scheme in ("rtmp", "rtmps"):
            options["rtmp_live"] = "live"
        if scheme in ("udp", "rtp"):
            options["pkt_size"] = "1316"
        if self.container == "hls":
            options |= self._playlist_options()
        return options

    def _playlist_options(self) -> dict[str, str]:
        flags = ["delete_segments", "independent_segments", "program_date_time"]
        if self.opened > 1:  # go on in the playlist that is there
            flags += ["append_list", "discont_start"]
        if not self.address.scheme:
            flags.append("temp_file")
        return {
            "hls_time": f"{self.segment_seconds:g}",
            "hls_list_size": _PLAYLIST_SEGMENTS,
            "hls_flags": "+".join(flags),
        } | ({"method": "PUT"} if self.address.scheme else {})


def _descriptor(name: str) -> int:
    """The writing end of a pipe.

    Raises:
        VideoError: Nobody reads it, or it cannot be written to.
    """
    if name == "-":
        return os.dup(1)
    try:
        # Without that flag it would be waited for here until somebody reads it.
        return os.open(name, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        said = "nobody reads it" if error.errno == errno.ENXIO else error.strerror
        raise VideoError(f"cannot write {name}: {said}") from error
