"""Which frames fill a window, and places for them: each is filled in once, shared, reused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

__all__ = ["FrameRing", "window_offsets"]


@dataclass
class _Place[Item]:
    number: int | None = None
    """The frame that lies here."""
    users: int = 0
    """Windows at work that need it."""
    item: Future[Item] = field(default_factory=Future)
    """What its filling returned."""


class FrameRing[Item]:
    """Says where frames lie: frame n at place n % places, so that neighbours lie side by side.

    Several threads may need a frame at once: one fills it in, the others wait for it. A place is
    given to another frame only when no window needs the one that lies there; until then who wants
    it waits. A window gets all its places at once, so no two can wait for one another.

    Args:
        places: At least the length of a window.
    """

    def __init__(self, places: int) -> None:
        self._places: list[_Place[Item]] = [_Place() for _ in range(places)]
        self._changed = Condition()

    @contextmanager
    def window(
        self, numbers: Sequence[int], fill: Callable[[int, int], Item]
    ) -> Iterator[list[Item]]:
        """Hold the frames of a window until the `with` statement ends.

        Args:
            numbers: Frames, at most as many apart as there are places; one may come twice.
            fill: Called with a frame's number and its place for each that does not lie there.

        Yields:
            What `fill` returned for each of `numbers`, in that order.
        """
        wanted = {number: self._places[number % len(self._places)] for number in numbers}
        with self._changed:
            self._changed.wait_for(lambda: all(_fits(n, place) for n, place in wanted.items()))
            missing = {n: place for n, place in wanted.items() if place.number != n}
            for number, place in missing.items():
                place.number, place.item = number, Future()
            for place in wanted.values():
                place.users += 1
        try:
            self._fill(missing, fill)
            yield [wanted[number].item.result() for number in numbers]
        finally:
            with self._changed:
                for place in wanted.values():
                    place.users -= 1
                self._changed.notify_all()

    def _fill(self, missing: dict[int, _Place[Item]], fill: Callable[[int, int], Item]) -> None:
        """Fill in frames; after an error none of those that are left counts as lying there."""
        failure: BaseException | None = None
        for number, place in missing.items():
            try:
                if failure is None:
                    place.item.set_result(fill(number, number % len(self._places)))
            except BaseException as error:
                failure = error
            if failure is not None:
                with self._changed:
                    place.number = None
                place.item.set_exception(failure)
        if failure is not None:
            raise failure


def _fits[Item](number: int, place: _Place[Item]) -> bool:
    return place.number == number or place.users == 0


def window_offsets(cuts: Sequence[bool]) -> list[int]:
    """Which frames fill a window that must not cross a scene change.

    Args:
        cuts: For each two neighbouring frames of the window, in order, whether a scene change
            (or the end of the clip) lies between them; 2 * radius values.

    Returns:
        2 * radius + 1 offsets from the middle frame; beyond a cut the last frame before it is
        repeated.

    >>> window_offsets([False, False, True, False])
    [-2, -1, 0, 0, 0]
    >>> window_offsets([True, False, False, False])
    [-1, -1, 0, 1, 2]
    """
    radius = len(cuts) // 2
    before, after = [0], [0]
    for distance in range(1, radius + 1):
        before.append(before[-1] - (-before[-1] == distance - 1 and not cuts[radius - distance]))
        after.append(after[-1] + (after[-1] == distance - 1 and not cuts[radius + distance - 1]))
    return [*reversed(before), *after[1:]]
