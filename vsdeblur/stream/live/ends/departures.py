"""When packets leave that were given to a muxer: it holds some back for a moment."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["Departures"]


class Departures[Item]:
    """Tells which packets have left.

    A muxer of several tracks lets a packet go when it has one of each track, or a later one, so
    that they leave in the order of their times (ff_interleave_packet_per_dts in FFmpeg); told to
    wait for nothing else, it lets all go but the latest.
    """

    def __init__(self) -> None:
        self._held: list[tuple[Fraction, Item]] = []
        self._latest = Fraction(-1)

    def hold(self, time: Fraction, item: Item) -> None:
        """A packet that is to be told of is given to the muxer.

        Args:
            time: When it is decoded, in seconds.
            item: What stands for it.
        """
        self._held.append((time, item))

    def gone(self, time: Fraction, *, single: bool) -> list[Item]:
        """What has left now that the muxer has a packet of this time, of whatever track.

        Args:
            time: In seconds.
            single: Whether there is one track alone: then nothing is held.
        """
        self._latest = max(self._latest, time)
        gone = [item for at, item in self._held if single or at < self._latest]
        if gone:
            self._held = [] if single else [e for e in self._held if e[0] >= self._latest]
        return gone

    def rest(self) -> list[Item]:
        """What was still held when it was closed."""
        held, self._held = [item for _, item in self._held], []
        return held
