"""What is done to photos before a camera moves over them, with the shares of a recipe's source."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ..recipe import SourceSettings
from .camera import Draw
from .concert import concert_look
from .lamps import with_lamps
from .patterns import with_patterns

__all__ = ["PLAIN", "Scenery", "scenery_of"]

PLAIN = SourceSettings()
"""Photos as they are."""


class Scenery(NamedTuple):
    """Pictures for `synthesize`, gamma-encoded, 1 = white."""

    background: Tensor
    """(N, C, P, P)."""
    foreground: Tensor
    """(N, C, P, P), from which objects are cut."""
    is_concert: Tensor
    """(N,) bool: lit like a concert."""


def scenery_of(patches: Tensor, settings: SourceSettings, draw: Draw) -> Scenery:
    """Give patches of photos patterns, lamps and stage light.

    Args:
        patches: (2 * N, C, P, P), backgrounds and then foregrounds, in [0, 1].
        settings: The share of each.
        draw: Source of randomness, on the same device.
    """
    patches = with_patterns(patches, draw, settings.pattern_share)
    patches = with_lamps(patches, draw, settings.lamp_share)
    background, foreground = patches.chunk(2)
    return Scenery(*concert_look(background, foreground, draw, settings.concert_share))
