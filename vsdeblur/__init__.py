"""Motion deblurring for video: VapourSynth filters, a command, and the code that trains them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .filters.brmr import brmr
    from .filters.dblrgan import dblrgan
    from .filters.sequence import sequence
    from .restorers import load_restorer

__all__ = ["__version__", "brmr", "dblrgan", "load_restorer", "sequence"]

__version__ = "0.2.0"


_HOMES = {
    "brmr": ".filters.brmr",
    "dblrgan": ".filters.dblrgan",
    "load_restorer": ".restorers",
    "sequence": ".filters.sequence",
}
"""Name -> the module that has it."""


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a filter or `load_restorer` when it is first asked for.

    So the command runs without VapourSynth, and importing the package costs nothing.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'vsdeblur' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
