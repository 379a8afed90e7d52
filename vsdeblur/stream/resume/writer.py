"""Writes a file and notes what is encoded; what was noted before comes first."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from ...errors import VideoError
from ..planning import PlannedJob
from ..timing import Shown
from ..writer import Writer
from .journal import Journal, Kept

__all__ = ["NotingWriter"]

_HEADER, _TIME_BASE = "encoder's header", "time base"


class NotingWriter(Writer):
    """A writer that goes on where another one stopped.

    The encoder begins anew with a key frame behind what is kept. Both have the same header, so that
    they make one track.

    Args:
        file: The file to write.
        planned: What is written.
        journal: The notes.
        kept: What is done already; None = nothing.

    Raises:
        VideoError: The file cannot be written, or the encoder is another one than before.
    """

    def __init__(
        self, file: Path, planned: PlannedJob, journal: Journal, kept: Kept | None
    ) -> None:
        super().__init__(
            file, planned.reader, planned.options, planned.timing, planned.plan, named=planned.name
        )
        self._journal = journal
        self._to_come = kept.frames if kept else 0
        self._muxed = self._passed = 0
        self._left_out = kept.skipped if kept else 0
        self._last_dts = kept.last_dts if kept else None
        if kept:
            self._rising.last = kept.last_pts
        try:
            self._compare_headers(planned.name)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.on_packet = self._note

    def pass_frame(self, number: int) -> None:
        """See `Writer.pass_frame`: what is kept of a frame is written."""
        self._passed = self._journal.frames_up_to(number, self._passed)
        with self._failing():
            self._write_kept(self._passed)

    def write_frame(
        self, frame: av.VideoFrame, planes: Sequence[NDArray[np.generic]], shown: Shown
    ) -> None:
        """See `Writer.write_frame`; what is there of the first one already is left out."""
        if self._left_out:
            self._left_out -= 1
            return
        with self._failing():
            self._write_kept(self._to_come)
        super().write_frame(frame, planes, shown)

    def finish(self) -> None:
        """See `Writer.finish`."""
        with self._failing():
            self._write_kept(self._to_come)
        super().finish()

    def _encode(self, frame: av.VideoFrame | None) -> None:
        if frame is not None:
            self._journal.note_frame(self.source_frame, frame.pts or 0)
        super()._encode(frame)

    def _write_kept(self, count: int) -> None:
        """Write the first frames that are kept, those that are not written yet."""
        for number in range(self._muxed, min(count, self._to_come)):
            packet = self._journal.packet(number, self._time_base)
            packet.stream = self._stream
            self.frames += 1
            self._mux(packet)
        self._muxed = max(self._muxed, min(count, self._to_come))

    def _note(self, packet: Packet[Any]) -> None:
        """Note a packet, decoded later than those that are kept."""
        if self._last_dts is not None and packet.dts is not None:
            packet.dts = max(packet.dts, self._last_dts + 1)
            if packet.pts is not None:
                packet.dts = min(packet.dts, packet.pts)
            self._last_dts = packet.dts
        self._journal.note_packet(packet)

    def _compare_headers(self, named: str) -> None:
        """Note the encoder's header, or see that it is the one that was noted."""
        header = bytes(self._stream.codec_context.extradata or b"").hex()
        facts = {_HEADER: header, _TIME_BASE: str(Fraction(self._time_base))}
        begun = self._journal.facts()
        for name, value in facts.items():
            if begun.setdefault(name, value) != value:
                raise VideoError(
                    f"{named} cannot be gone on with: the encoder gives another {name} than "
                    "before; begin again with --overwrite"
                )
        self._journal.note_facts(facts)
