"""What front ends ask of a restorer that opens a frame into the moments of its exposure."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["MomentRestorer"]


@runtime_checkable
class MomentRestorer(Protocol):
    """A restorer that says how its moments lie in time, and what becomes of their chroma.

    Of one that does not say, they are spread over the whole frame interval, and chroma stays.
    """

    @property
    def exposure(self) -> float:
        """Part of the frame interval over which the moments are spread, above 0, at most 1."""
        ...

    @property
    def moves_chroma(self) -> bool:
        """Of one of luma: whether chroma moves with it; otherwise it stays as it is."""
        ...
