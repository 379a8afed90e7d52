"""Stands in for a network of a live filter."""

import time

__all__ = ["Identity"]


class Identity:
    """Gives the middle frame of a window back, after a time that a test may set."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def restore(self, window, number=0):
        seconds = self.seconds() if callable(self.seconds) else self.seconds
        if seconds:
            time.sleep(seconds)
        return window[len(window) // 2][None]
