"""Where a live stream comes from and goes to: addresses, the keys in them, and what hides those."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ....errors import OptionError, VideoError
from ...source import is_address

__all__ = ["Address", "Secrets", "check_carried", "read_keys", "scheme_of"]

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_HIDDEN = "***"
_SHORTEST = 8
"""Characters from which a part of an address is hidden wherever it turns up; shorter ones may be
words that messages need, and are hidden where they stand behind their application."""
_PLAIN_QUERIES = frozenset({"udp", "tcp", "rtp"})
"""Kinds of addresses whose queries are settings, not secrets."""
_ELSEWHERE = {
    "srt": "srt-live-transmit {there}",
    "rist": "ristreceiver or ristsender",
    "whip": "a WHIP bridge, such as MediaMTX",
    "ndi": "an NDI bridge",
    "webrtc": "a WebRTC bridge, such as MediaMTX",
}
"""Kinds of addresses that PyAV's FFmpeg does not carry, and what does."""
_TARGETS = frozenset({"rtmp", "rtmps", "rtsp", "rtsps", "http", "https", "tcp", "udp", "rtp"})


@dataclass(frozen=True)
class Address:
    """An address, a file name, or "-"."""

    url: str
    """As it is opened, keys and all. It is never shown."""
    shown: str
    """As it is called in messages: without keys and passwords."""

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def scheme(self) -> str:
        """What kind of address it is, such as "rtmp"; empty for files and "-"."""
        return scheme_of(self.url)


def scheme_of(address: str) -> str:
    """What kind of address it is; empty for files and "-"."""
    return address.partition("://")[0].lower() if is_address(address) else ""


class Secrets:
    """Puts keys into addresses, and takes them out of what is said."""

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        """Remember keys.

        Args:
            keys: Name -> what stands for it in addresses; all else is taken from the environment.
        """
        self._keys = dict(keys or {})
        self._hidden: set[str] = set()

    def address(self, given: str) -> Address:
        """An address as the user gave it, `$NAME` and `${NAME}` in it replaced.

        Raises:
            OptionError: A name stands for nothing.
        """
        if not is_address(given):
            return Address(given, given)
        url = _VARIABLE.sub(self._value, given)
        self._hidden |= _secret_parts(url)
        return Address(url, self.masked(_shown(url)))

    def masked(self, text: str) -> str:
        """A text without the keys that addresses hold."""
        for each in sorted(self._hidden, key=len, reverse=True):
            application, slash, _ = each.rpartition("/")
            text = text.replace(each, f"{application}{slash}{_HIDDEN}")
        return text

    def _value(self, match: re.Match[str]) -> str:
        name = match[1] or match[2]
        value = self._keys.get(name) or os.environ.get(name)
        if not value:
            raise OptionError(
                f"${name} stands for nothing: export {name}=..., or give --key-file {name}=FILE"
            )
        if re.search(r"[\s\x00-\x1f]", value):
            raise OptionError(f"${name} holds white space, which no address does; check it")
        self._hidden.add(value)
        return value


def read_keys(files: tuple[str, ...]) -> dict[str, str]:
    """Read keys, each the first line of a file.

    Args:
        files: NAME=FILE, or FILE alone for the name KEY.

    Raises:
        OptionError: A file cannot be read or is empty.
    """
    keys = {}
    for given in files:
        name, separator, file = given.partition("=")
        if not separator or not re.fullmatch(r"\w+", name):
            name, file = "KEY", given
        try:
            lines = Path(file).expanduser().read_text(encoding="utf-8").split()
        except (OSError, UnicodeError) as error:
            said = getattr(error, "strerror", None) or "it is no text"
            raise OptionError(f"cannot read the key file {file}: {said}") from error
        if not lines:
            raise OptionError(f"the key file {file} is empty; write the stream key into it")
        keys[name] = lines[0]
    return keys


def check_carried(address: Address, *, target: bool) -> None:
    """Refuse kinds of addresses that cannot be opened, and name the way round.

    Raises:
        VideoError: It is of such a kind.
    """
    scheme = address.scheme
    if scheme in _ELSEWHERE:
        there = (
            f"udp://127.0.0.1:5000 {scheme}://..."
            if target
            else f"{scheme}://... udp://127.0.0.1:5000"
        )
        raise VideoError(
            f"{address.shown}: {scheme}:// is not in PyAV's FFmpeg; run "
            f"{_ELSEWHERE[scheme].format(there=there)} beside it, and give udp://127.0.0.1:5000"
        )
    if target and scheme and scheme not in _TARGETS:
        raise VideoError(
            f"cannot write {address.shown}: addresses of {scheme}:// are not written; use "
            f"{', '.join(sorted(_TARGETS))}, a file, or - for stdout"
        )


def _secret_parts(url: str) -> set[str]:
    """What of an address nobody but its two ends should read."""
    parts = urlsplit(url)
    secrets = {parts.password or ""}
    if scheme_of(url) not in _PLAIN_QUERIES:
        secrets |= {parts.query, *(pair.partition("=")[2] for pair in parts.query.split("&"))}
    key = _rtmp_key(parts.path) if scheme_of(url).startswith("rtmp") else ""
    long = {each for each in (*secrets, key) if len(each) >= _SHORTEST}
    return long | {parts.path} if key else long


def _shown(url: str) -> str:
    """An address without user, query and stream key."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = parts.path
    if scheme_of(url).startswith("rtmp"):
        key = _rtmp_key(path)
        path = path[: len(path) - len(key)] + (_HIDDEN if key else "")
    query = parts.query if scheme_of(url) in _PLAIN_QUERIES else _HIDDEN
    query = f"?{query}" if parts.query else ""
    return f"{parts.scheme}://{host}{path}{query}"


def _rtmp_key(path: str) -> str:
    """The stream key of an RTMP path: what follows the application."""
    return path.rpartition("/")[2] if path.count("/") > 1 else ""
