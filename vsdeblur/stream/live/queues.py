"""Queues between the threads of a live run: whoever puts never waits; what is too much is dropped.

Which items those are is a rule that is given with the queue, so that it can be read, and tested,
by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition

__all__ = ["DropQueue"]


class DropQueue[Item]:
    """Passes items from one thread to another.

    Args:
        rule: Takes items away from those that wait, whenever one has come; returns how many.
        dropped: Told of how many, in the thread that puts.
    """

    def __init__(
        self,
        rule: Callable[[deque[Item]], int] = lambda items: 0,
        dropped: Callable[[int], None] = lambda number: None,
    ) -> None:
        self._rule = rule
        self._dropped = dropped
        self._items: deque[Item] = deque()
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Hand an item over; it never waits."""
        with self._changed:
            self._items.append(item)
            number = self._rule(self._items)
            self._changed.notify()
        if number:
            self._dropped(number)

    def get(self, seconds: float) -> Item | None:
        """The next item; None = none has come in so many seconds of the machine."""
        with self._changed:
            if not self._items:
                self._changed.wait(max(0.0, seconds))
            return self._items.popleft() if self._items else None

    def peek(self) -> Item | None:
        """The next item, which stays; None = there is none."""
        with self._changed:
            return self._items[0] if self._items else None

    def clear(self) -> int:
        """Drop all items; returns how many."""
        with self._changed:
            number = len(self._items)
            self._items.clear()
            return number
