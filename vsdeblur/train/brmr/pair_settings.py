"""How pictures are blurred for filters that work frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PairSettings"]


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """How pictures are blurred."""

    size: int = 256
    """Height and width of a picture, in pixels."""
    camera_share: float = 0.0
    """Share of the pictures blurred by the virtual camera; the others by a kernel."""
    num_mined: int = 4096
    """Windows mined for the patch stage."""
    mined_regions: int = 1
    """Windows mined in a picture; they do not overlap."""
    refined_share: float = 0.0
    """Share of the windows of a batch that the patch generator has already refined, once to six
    times: it is asked for the same window again where the critic finds it still the most blurred.
    """
