"""A frame on its way through a live run, and what else goes the same way."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

from .clock import Clock
from .connection import BesidePacket
from .form import Form
from .frames import Window

__all__ = ["Beside", "Finished", "Held", "Job", "LineItem", "Planes", "without_gone"]

Planes = Sequence[NDArray[np.generic]]
"""Code values of the planes that change, as `FrameCoding.encode` gives them."""


class Job:
    """A frame to restore by a time, or to pass through.

    Args:
        window: The frame and its neighbours.
        form: What the stream is made of.
        deadline: When it goes on at the latest, restored or not, in seconds of the run's clock.
    """

    def __init__(self, window: Window, form: Form, deadline: float) -> None:
        self.window, self.form, self.deadline = window, form, deadline
        self._planes: Planes | None = None
        self._settled = Event()
        self._lock = Lock()
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether it has gone on: restoring it is of no use any more."""
        return self._gone

    def settle(self, planes: Planes | None) -> bool:
        """Say what became of it; None = it passes through. Whether it was still waited for."""
        with self._lock:
            self._planes = planes
            self._settled.set()
            return not self._gone

    def give_up(self) -> None:
        """Say that it will not go on."""
        with self._lock:
            self._gone = True

    def result(self, clock: Clock) -> Planes | None:
        """What became of it by its deadline; None = nothing, it passes through."""
        clock.wait(self._settled, self.deadline - clock.now())
        with self._lock:
            self._gone = True
            return self._planes


@dataclass(frozen=True)
class Held:
    """The last frame is to be shown once more."""

    time: Fraction
    """When, in seconds of the timeline."""


@dataclass(frozen=True)
class Beside:
    """A packet of another track, at its place in the stream."""

    packet: BesidePacket
    place: int
    """Index of its track in the form."""
    came: float
    """In seconds of the run's clock."""


@dataclass(frozen=True)
class Finished:
    """Nothing follows."""


def without_gone(items: deque[Job | Form]) -> int:
    """The rule of the queue of what is to be restored: what has gone on is not."""
    while items and isinstance(items[0], Job) and items[0].gone:
        items.popleft()
    return 0  # they are counted where they went on


LineItem = Form | Job | Held | Beside | Finished
