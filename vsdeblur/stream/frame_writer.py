"""What takes restored frames, whatever becomes of them: a video, or pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from .timing import Shown

__all__ = ["FrameWriter"]


class FrameWriter(Protocol):
    """What takes what is restored; see `Writer`."""

    source_frame: int

    @property
    def frames(self) -> int:
        """Frames that were written."""
        ...

    @property
    def refused(self) -> int:
        """Packets of other tracks that were not taken."""
        ...

    def write_frame(
        self, frame: av.VideoFrame, planes: Sequence[NDArray[np.generic]], shown: Shown
    ) -> None:
        """Write a frame with new planes."""
        ...

    def write_packet(self, packet: Packet[Stream]) -> None:
        """Write a packet of another track."""
        ...

    def pass_frame(self, number: int) -> None:
        """A frame of the source is not restored: what an earlier run made of it is there."""
        ...

    def finish(self) -> None:
        """Complete what is written."""
        ...
