"""What happens in a live run, a line each with the time; no key or password is in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock

from ..ends.addresses import Secrets

__all__ = ["Journal"]


class Journal:
    """Says events, from any thread.

    Args:
        write: Takes a line.
        secrets: What is not to be said.
    """

    def __init__(self, write: Callable[[str], None], secrets: Secrets) -> None:
        self._write = write
        self._secrets = secrets
        self._lock = Lock()

    def say(self, event: str) -> None:
        """Say an event, in one line."""
        time = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        line = self._secrets.masked(" ".join(event.split()))
        with self._lock:
            self._write(f"{time} {line}")
