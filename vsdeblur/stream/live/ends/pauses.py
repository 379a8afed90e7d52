"""How long to wait before the next try: longer the longer it has been away."""

from __future__ import annotations

__all__ = ["next_pause"]

_FIRST, _LONGEST = 0.25, 10.0
_SHARE = 0.1
"""Of the time that it has been away: whoever was away for 15 s is back 1.5 s later at most."""


def next_pause(away: float) -> float:
    """Seconds to wait before the next try.

    Args:
        away: Seconds since the connection was lost, or first asked for.

    >>> [next_pause(away) for away in (0, 1, 15, 3600)]
    [0.25, 0.25, 1.5, 10.0]
    """
    return min(_LONGEST, max(_FIRST, _SHARE * away))
