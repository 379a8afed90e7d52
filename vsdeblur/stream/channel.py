"""A bounded queue between two threads that either side can end.

Not `queue.Queue.shutdown`: it is of Python 3.13 (its one kept backport brings an asyncio library),
and to a reader a finished and an aborted queue then look the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition

__all__ = ["Channel", "ChannelAborted"]

_WAKE_SECONDS = 0.2
"""A wait without end cannot be interrupted by Ctrl-C everywhere; so wake now and then."""


class ChannelAborted(Exception):  # noqa: N818 - a signal between threads, not an error
    """The other side gave up."""


class Channel[Item]:
    """Passes items from one thread to another, at most `size` waiting."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[Item] = deque()
        self._changed = Condition()
        self._finished = False
        self._aborted = False

    def put(self, item: Item) -> None:
        """Hand an item over, waiting for room.

        Raises:
            ChannelAborted: The channel was aborted.
        """
        with self._changed:
            while len(self._items) >= self._size and not self._aborted:
                self._changed.wait(_WAKE_SECONDS)
            if self._aborted:
                raise ChannelAborted
            self._items.append(item)
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that no item follows; those waiting are still delivered."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Drop the items waiting and stop both sides."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        """Take items until the channel is finished.

        Raises:
            ChannelAborted: The channel was aborted.
        """
        while (taken := self._take()) is not None:
            yield taken[0]

    def _take(self) -> tuple[Item] | None:
        with self._changed:
            while not (self._items or self._finished or self._aborted):
                self._changed.wait(_WAKE_SECONDS)
            if self._aborted:
                raise ChannelAborted
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return (item,)
