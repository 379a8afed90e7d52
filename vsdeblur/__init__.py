"""Motion deblurring for video: VapourSynth filters, a command, and the code that trains them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .registry import FilterPart

if TYPE_CHECKING:  # by these type checkers and editors know the signatures
    from .filters.brmr import brmr as brmr
    from .filters.dblrgan import dblrgan as dblrgan
    from .filters.sequence import sequence as sequence
    from .restorers import load_restorer

__version__ = "0.2.0"

_SCRIPT_FUNCTIONS: FilterPart[Any] = FilterPart("script_function")

__all__ = ["__version__", "load_restorer", *_SCRIPT_FUNCTIONS]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a filter or `load_restorer` when it is first asked for.

    So the command runs without VapourSynth, and importing the package costs nothing.
    """
    if name == "load_restorer":
        return import_module(".restorers", __name__).load_restorer
    if name in _SCRIPT_FUNCTIONS:
        return _SCRIPT_FUNCTIONS[name]
    raise AttributeError(f"module 'vsdeblur' has no attribute {name!r}")
