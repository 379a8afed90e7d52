"""Restores a few frames into nothing, to see how long they take and how large they are."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import IO, Any, cast

from av.packet import Packet

from ...restorers import Restorer
from ..excerpt import ExcerptRequest
from ..frame_writer import FrameWriter
from ..picture_files import PictureFile, save_picture
from ..planning import PlannedJob
from ..positions import Position
from ..reader import Reader
from ..restoration import Restoration
from ..sequences.feed import FeedOptions
from ..sequences.planning import PlannedPictures
from ..settings import StreamProgress

__all__ = ["FRAMES", "Measured", "measure"]

FRAMES = 20
"""Frames that are restored to measure."""
_WARM_UP = 4
"""Frames before those, while which caches fill and threads start."""
_GROUP = 250
"""Frames from one key frame to the next where no more of them were seen: x264's habit."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a few frames took."""

    frames: int
    seconds_a_frame: float
    """Wall time for a frame of the source."""
    bytes_a_frame: float
    """Of the restored picture track, for a frame of the source, over a long run."""


def measure(planned: PlannedJob, restorer: Restorer) -> Measured | None:
    """Restore frames from the middle of what is wanted, into nothing; None = there are too few."""
    stopwatch, sizes = _Stopwatch(), _Sizes()
    count = ExcerptRequest(duration=Position(frames=_WARM_UP + FRAMES))
    options = replace(planned.options, part=count)
    with Reader(
            planned.reader.path, allow_playlist=options.allow_playlist,
            wanted=count, radius=restorer.radius, deinterlace=options.deinterlace,
            near=_middle(planned),
            feed=FeedOptions(
                rate=options.input_rate, max_megapixels=options.max_megapixels,
                keeps_alpha=isinstance(planned, PlannedPictures),
            ),
    ) as reader:  # fmt: skip
        reader.working_format = planned.reader.working_format
        job = replace(planned, reader=reader, options=options)
        with _writer(job, sizes) as writer:
            run = Restoration(reader, writer, restorer, options, planned.timing, stopwatch.note)
            if run.run():
                raise KeyboardInterrupt
    seconds = stopwatch.seconds_a_frame()
    if seconds is None:
        return None
    frames = len(stopwatch.times)
    size = sizes.bytes_a_frame() * sizes.count / frames
    return Measured(frames=min(FRAMES, frames - 1), seconds_a_frame=seconds, bytes_a_frame=size)


def _writer(job: PlannedJob, sizes: _Sizes) -> AbstractContextManager[FrameWriter]:
    if isinstance(job, PlannedPictures):
        return job.picture_writer(sizes.note_picture)
    writer = job.writer(cast(IO[bytes], _Nowhere()))
    writer.on_packet = sizes.note
    return writer


def _middle(planned: PlannedJob) -> Fraction:
    """When the frames are shown that are measured, in seconds of the source."""
    facts, start = planned.reader.facts, planned.reader.part_start
    frames = facts.frames_expected or 0
    return start + max(0, frames - _WARM_UP - FRAMES) / facts.frame_rate / 2


class _Stopwatch:
    """When each frame was restored, and when all was written."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def note(self, progress: StreamProgress) -> None:
        """A frame is restored."""
        self.times.append(monotonic())

    def seconds_a_frame(self) -> float | None:
        """Seconds that a frame takes in a long run; None = there were too few.

        Restoring and encoding go on at once: the slower of them is what counts. How long encoding
        takes shows in what is left of it after the last frame.
        """
        done = monotonic()
        if len(self.times) < 2:
            return None
        warm = min(_WARM_UP, len(self.times) - 2)
        restoring = (self.times[-1] - self.times[warm]) / (len(self.times) - 1 - warm)
        return max(restoring, (done - self.times[-1]) / len(self.times), 1e-6)


class _Sizes:
    """Sizes of encoded frames."""

    def __init__(self) -> None:
        self._key: list[int] = []
        self._others: list[int] = []

    def note(self, packet: Packet[Any]) -> None:
        """A frame is encoded."""
        (self._key if packet.is_keyframe else self._others).append(packet.size)

    def note_picture(self, path: Path, picture: PictureFile) -> None:
        """A picture is made."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / path.name
            save_picture(picture, path, file)
            self._key.append(file.stat().st_size)

    @property
    def count(self) -> int:
        """How many frames there were."""
        return len(self._key) + len(self._others)

    def bytes_a_frame(self) -> float:
        """Bytes of a frame in a long run, in which there are fewer key frames than in a few."""
        if not self.count:
            return 0
        if not self._others or len(self._key) > 1:
            return (sum(self._key) + sum(self._others)) / self.count
        others = sum(self._others) / len(self._others)
        return others + (self._key[0] - others) / _GROUP


class _Nowhere(io.RawIOBase):
    """A file that keeps nothing; one may go back in it."""

    def __init__(self) -> None:
        self._place = self._end = 0

    def writable(self) -> bool:
        """It takes all there is."""
        return True

    def seekable(self) -> bool:
        """MP4 and Matroska go back to what they have written."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever is like bytes
        """Forget data."""
        self._place += len(data)
        self._end = max(self._end, self._place)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence, self._end)
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place
