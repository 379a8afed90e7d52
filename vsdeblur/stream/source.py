"""Opens what is read: files, pipes and addresses, each with no more rights than it needs."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import av
from av.container import InputContainer

from ..errors import VideoError
from .ffmpeg_log import ffmpeg_reasons

__all__ = [
    "is_address",
    "is_pipe",
    "named",
    "one_line",
    "open_source",
    "protocols_for",
    "single_formats",
]

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_PROTOCOLS = {
    "http": "http,https,httpproxy,tls,tcp,crypto",
    "https": "http,https,httpproxy,tls,tcp,crypto",
    "rtmp": "rtmp,rtmpt,tcp",
    "rtmps": "rtmps,rtmpts,tls,tcp",
    "rtmpt": "rtmpt,http,tcp",
    "rtsp": "rtsp,rtp,udp,tcp,http",
    "rtsps": "rtsp,rtsps,rtp,udp,tcp,tls",
    "udp": "udp,rtp",
    "rtp": "rtp,udp",
    "tcp": "tcp",
    "srt": "srt",
}
"""Scheme -> what it may open: addresses of its own kind, and never a local file."""
_LOCAL = "file,pipe,fd"
_PLAYLISTS = frozenset({"hls", "applehttp", "concat", "dash", "sdp", "imf", "webm_dash_manifest"})
"""Formats that are lists of other files."""
_OPEN_SECONDS, _READ_SECONDS = 30.0, 60.0
"""How long an address may stay silent."""


def is_address(source: str | Path) -> bool:
    """Whether a source is an address (http://...), not the name of a file."""
    return bool(_ADDRESS.match(str(source)))


def is_pipe(source: str | Path) -> bool:
    """Whether a source can be read once only, from its beginning: a pipe, or stdin ("-")."""
    if is_address(source):
        return False
    if str(source) == "-":
        return True
    try:
        mode = Path(source).stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def named(source: str | Path) -> str:
    """What a source is called in messages; passwords in addresses are not shown."""
    if str(source) == "-":
        return "stdin"
    return re.sub(r"(?<=://)[^/@]*@", "", str(source)) if is_address(source) else str(source)


def open_source(
    source: str | Path,
    *,
    allow_playlist: bool = False,
    options: Mapping[str, str] | None = None,
    seconds: tuple[float, float] = (_OPEN_SECONDS, _READ_SECONDS),
) -> InputContainer:
    """Open a file, a pipe or an address.

    A local file opens nothing but itself, whatever it says it is; an address opens addresses of
    its own kind.

    Args:
        source: Name of a file or of a pipe, "-" for stdin, or an address.
        allow_playlist: Whether a local playlist may open what it lists.
        options: FFmpeg's, of the format and the protocol.
        seconds: How long an address may stay silent while it is opened, and after that.

    Raises:
        VideoError: It cannot be opened, is no video, or is a playlist.
    """
    address = _ADDRESS.match(str(source))
    options, timeout = dict(options or {}), None
    if address:
        url, timeout = str(source), seconds
        options["protocol_whitelist"] = protocols_for(source)
    elif allow_playlist:
        url = _local(source)
        options["protocol_whitelist"] = f"{_LOCAL},crypto,data,{_PROTOCOLS['https']}"
        # FFmpeg wants names it knows in playlists; those here were allowed by hand.
        options |= {"safe": "0", "allowed_extensions": "ALL"}
    else:
        url = _local(source)
        options |= {"protocol_whitelist": _LOCAL, "format_whitelist": single_formats()}
    with ffmpeg_reasons():
        try:
            return av.open(url, "r", container_options=options, timeout=timeout)
        except (av.FFmpegError, OSError, ValueError, UnicodeError) as error:
            raise _refusal(source, error, allow_playlist=allow_playlist) from error


def protocols_for(address: str | Path) -> str:
    """What an address may open: addresses of its own kind, and never a local file.

    Raises:
        VideoError: Addresses of its kind are not read.
    """
    scheme = str(address).partition("://")[0].lower()
    if scheme not in _PROTOCOLS:
        raise VideoError(
            f"cannot read {named(address)}: addresses of {scheme}:// are not read; use "
            f"{', '.join(sorted(_PROTOCOLS))}, or pipe it to stdin (-)"
        )
    return _PROTOCOLS[scheme]


def one_line(error: BaseException) -> str:
    """What FFmpeg or the system says of an error, without its number and file name."""
    if isinstance(error, av.ExitError):  # how PyAV ends a wait
        return "nothing came for too long"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())


def _local(source: str | Path) -> str:
    if str(source) == "-":
        return f"pipe:{sys.__stdin__.fileno() if sys.__stdin__ else 0}"
    # Absolute, or FFmpeg would read "a:b.mp4" as protocol a; links as /dev/stdin must stay.
    return f"file:{Path(source).absolute()}"


@cache
def single_formats() -> str:
    """FFmpeg's formats that are no lists of other files, as an option of the demuxer."""
    return ",".join(sorted(av.formats_available - _PLAYLISTS))


def _refusal(source: str | Path, error: Exception, *, allow_playlist: bool) -> VideoError:
    name = named(source)
    if not is_address(source) and not allow_playlist and _is_playlist(source):
        return VideoError(
            f"{name} is a playlist, which names other files and addresses to open; give a video "
            "file, or allow it with --allow-playlist"
        )
    if is_address(source) and isinstance(error, av.InvalidDataError):
        return VideoError(
            f"what comes from {name} is no video: {one_line(error)}; give the address of a video, "
            "or of an HLS playlist (.m3u8)"
        )
    if is_address(source):
        return VideoError(f"cannot open {name}: {one_line(error)}; check the address")
    if isinstance(error, PermissionError):
        return VideoError(f"cannot open {name}: {one_line(error)}; make it readable for you")
    if is_pipe(source):
        return VideoError(
            f"cannot read {name} as a stream: {one_line(error)}; send MPEG-TS, Matroska or y4m, or "
            "give a file"
        )
    return VideoError(
        f"cannot open {name}: {one_line(error)}; it is not a video file, or its beginning or its "
        "index is damaged"
    )


def _is_playlist(source: str | Path) -> bool:
    if is_pipe(source):
        return False
    try:
        with Path(source).open("rb") as file:
            start = file.read(4096).lstrip(b"\xef\xbb\xbf \r\n\t")
    except OSError:
        return False
    return start.startswith((b"#EXTM3U", b"ffconcat", b"v=0")) or b"<MPD" in start
