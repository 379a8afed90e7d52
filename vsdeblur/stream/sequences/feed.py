"""Reads pictures as a video: what FFmpeg opens is a stream of frames that are read as it goes."""

from __future__ import annotations

import io
import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, cast

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray
from PIL import ExifTags, Image

from ...errors import VideoError
from ...standards import BT601
from ..formats import FULL_RANGE
from ..picture_files import PictureFile, load_picture
from .names import Pictures

__all__ = ["DEFAULT_RATE", "FeedOptions", "PictureFeed"]

_FORMATS = {
    ("uint8", 1): "gray",
    ("uint16", 1): "gray16le",
    ("uint8", 3): "rgb24",
    ("uint16", 3): "rgb48le",
    ("uint8", 4): "rgba",
    ("uint16", 4): "rgba64le",
}
"""Sample type and channels -> FFmpeg's name of the format."""
DEFAULT_RATE = Fraction(25)
"""Frames a second where nobody says."""
_AHEAD, _THREADS = 4, 3
"""Pictures that are read before they are asked for, and how many at a time."""
_EXTRAS_KEPT = 64
"""Pictures whose descriptions are kept until they are written: more than are on their way."""
_TURNS = {3: (2, False), 6: (3, False), 8: (1, False), 2: (0, True), 4: (2, True), 5: (3, True),
          7: (1, True)}  # fmt: skip
"""EXIF orientation -> quarter turns to the left, after which it is mirrored or not."""

log = logging.getLogger("vsdeblur")


@dataclass(frozen=True, kw_only=True)
class FeedOptions:
    """How pictures are read as a video."""

    rate: Fraction | None = None
    """Frames a second; None = 25."""
    max_megapixels: float = 300
    """Pictures with more are refused."""
    keeps_alpha: bool = False
    """Whether alpha stays where the first picture is opaque."""


class PictureFeed(io.RawIOBase):
    """The pictures of a sequence as a file that is read from front to back.

    It is NUT, FFmpeg's own container, with uncompressed frames; each has the time of its place in
    the sequence, so that one that is missing leaves a gap. What cannot be read gives a frame that
    cannot be decoded, as in a damaged video.

    Args:
        pictures: What is read.
        options: How.

    Raises:
        VideoError: The first picture cannot be read.
    """

    def __init__(self, pictures: Pictures, options: FeedOptions) -> None:
        super().__init__()
        self.pictures = pictures
        self._rate, self._max_megapixels = options.rate or DEFAULT_RATE, options.max_megapixels
        self._extras: dict[int, dict[str, Any]] = {}
        first = self._load(0)
        self._pixels = _upright(first)
        if not options.keeps_alpha and _is_opaque(self._pixels):
            self._pixels = _as(self._pixels, self._pixels.dtype, min(3, _channels(self._pixels)))
        self._loses_alpha = False
        self.profile: bytes | None = first.extras.get("icc_profile")
        """Of the first picture's colours; None = it has none."""
        self._shape, self._dtype = self._pixels.shape, self._pixels.dtype
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="vsdeblur pictures")
        self._waiting = bytearray()
        self._muxed = self._packets()

    def announce_gaps(self) -> None:
        """Say which numbers have no picture."""
        if gaps := self.pictures.gaps():
            log.warning("%s: %s", self.pictures.name, gaps)

    def open(self) -> InputContainer:
        """Open the stream; it is closed with the feed."""
        container = av.open(cast(IO[bytes], self), "r", format="nut", buffer_size=1 << 20)
        # What NUT does not say: pictures use all values.
        container.streams.video[0].codec_context.color_range = FULL_RANGE
        return container

    def extras(self, place: int) -> dict[str, Any]:
        """What describes the picture at a place of the sequence, but for its pixels."""
        return self._extras.get(place, {})

    def readable(self) -> bool:
        """It is read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever is like bytes
        """Fill a buffer with what comes next; 0 at the end."""
        while not self._waiting:
            data = next(self._muxed, None)
            if data is None:
                return 0
            self._waiting += data
        size = min(len(buffer), len(self._waiting))
        buffer[:size] = self._waiting[:size]
        del self._waiting[:size]
        return size

    def close(self) -> None:
        """Stop to read."""
        if not self.closed:
            self._pool.shutdown(wait=True, cancel_futures=True)
        super().close()

    def _packets(self) -> Iterator[bytes]:
        """The bytes of the stream."""
        sink = _Sink()
        with av.open(cast(IO[bytes], sink), "w", format="nut") as container:
            stream = container.add_stream("rawvideo", rate=self._rate)
            stream.height, stream.width = self._shape[:2]
            stream.pix_fmt = _FORMATS[self._dtype.name, _channels(self._pixels)]
            stream.time_base = stream.codec_context.time_base = 1 / self._rate
            for place, content in zip(self.pictures.places, self._contents(), strict=True):
                packet = av.Packet(content)
                packet.pts = packet.dts = place
                packet.duration, packet.is_keyframe = 1, True
                packet.time_base, packet.stream = 1 / self._rate, stream
                container.mux_one(packet)
                yield sink.taken()
        yield sink.taken()

    def _contents(self) -> Iterator[bytes]:
        """What each picture holds, read ahead."""
        count = len(self.pictures.paths)
        ahead: deque[Future[bytes]] = deque()
        asked = 0
        for _ in range(count):
            while asked < count and len(ahead) < _AHEAD:
                ahead.append(self._pool.submit(self._content, asked))
                asked += 1
            yield ahead.popleft().result()

    def _content(self, index: int) -> bytes:
        """The pixels of a picture as the first one has them; too few if it cannot be read.

        Raises:
            VideoError: It has another size.
        """
        if index == 0:
            return np.ascontiguousarray(self._pixels).tobytes()
        path = self.pictures.paths[index]
        try:
            picture = self._load(index)
        except VideoError as error:
            log.warning("%s", error)
            return b"\0"
        pixels = _upright(picture)
        if not self._loses_alpha and _channels(self._pixels) < 4 and not _is_opaque(pixels):
            self._loses_alpha = True
            log.warning("%s has alpha, which is lost: %s has none", path, self.pictures.paths[0])
        if pixels.shape[:2] != self._shape[:2]:
            raise VideoError(
                f"{path} is {pixels.shape[1]}x{pixels.shape[0]} pixels, not {self._shape[1]}x"
                f"{self._shape[0]} as {self.pictures.paths[0].name}; pictures of a sequence have "
                "one size"
            )
        return np.ascontiguousarray(_as(pixels, self._dtype, _channels(self._pixels))).tobytes()

    def _load(self, index: int) -> PictureFile:
        picture = load_picture(self.pictures.paths[index], self._max_megapixels)
        place = self.pictures.places[index]
        self._extras[place] = _upright_extras(picture.extras)
        self._extras.pop(place - _EXTRAS_KEPT, None)
        return picture


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever is like bytes
        self._data += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since it was last asked."""
        data, self._data = bytes(self._data), bytearray()
        return data


def _channels(pixels: NDArray[np.generic]) -> int:
    return 1 if pixels.ndim == 2 else pixels.shape[-1]


def _is_opaque(pixels: NDArray[Any]) -> bool:
    """Whether nothing shines through a picture."""
    if _channels(pixels) not in (2, 4):
        return True
    return bool((pixels[..., -1] == np.iinfo(pixels.dtype).max).all())


def _upright(picture: PictureFile) -> NDArray[np.generic]:
    """Pixels as they are shown, grey or RGB, with alpha behind RGB alone."""
    pixels = picture.pixels
    if pixels.ndim == 3 and pixels.shape[-1] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    turns, mirrored = _TURNS.get(_orientation(picture.extras), (0, False))
    turned = np.rot90(pixels, turns)
    return turned[:, ::-1] if mirrored else turned


def _orientation(extras: dict[str, Any]) -> int:
    exif = Image.Exif()
    exif.load(extras.get("exif") or b"")
    return int(exif.get(ExifTags.Base.Orientation, 1))


def _upright_extras(extras: dict[str, Any]) -> dict[str, Any]:
    """What describes a picture, once it is turned."""
    if _orientation(extras) == 1:
        return extras
    exif = Image.Exif()
    exif.load(extras["exif"])
    exif[ExifTags.Base.Orientation] = 1
    return extras | {"exif": exif.tobytes()}


def _as(pixels: NDArray[np.generic], dtype: np.dtype[Any], channels: int) -> NDArray[np.generic]:
    """Pixels with another depth and other channels: those of the first picture."""
    if pixels.dtype != dtype:
        scaled = (
            pixels.astype(np.uint32) * 257
            if dtype == np.uint16
            else ((pixels.astype(np.uint32) + 128) // 257)
        )
        pixels = scaled.astype(dtype)
    own = _channels(pixels)
    if own == channels:
        return pixels
    if own == 1:
        pixels = np.stack([pixels] * 3, -1)
    elif channels == 1:
        grey = pixels[..., :3].astype(np.float32) @ np.array(BT601, np.float32)
        return np.rint(grey).astype(dtype)
    if channels == 4 and pixels.shape[-1] == 3:
        opaque = np.full((*pixels.shape[:2], 1), np.iinfo(dtype).max, dtype)
        pixels = np.concatenate([pixels, opaque], -1)
    return pixels[..., :channels]
