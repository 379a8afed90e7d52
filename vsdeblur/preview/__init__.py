"""Before and after at a few moments: a page for a browser, or a picture."""

from __future__ import annotations

from .sights import Asked, Sight, Version, film_facts, see_film, see_picture
from .targets import check_target, write_preview

__all__ = [
    "Asked",
    "Sight",
    "Version",
    "check_target",
    "film_facts",
    "see_film",
    "see_picture",
    "write_preview",
]
