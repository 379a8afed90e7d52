"""Motion deblurring for video: VapourSynth filters, a command, and the code that trains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .filters.dblrgan import dblrgan
    from .restorers import load_restorer

__all__ = ["__version__", "dblrgan", "load_restorer"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a filter or `load_restorer` when it is first asked for.

    So the command runs without VapourSynth, and importing the package costs nothing.
    """
    if name == "dblrgan":
        from .filters.dblrgan import dblrgan

        return dblrgan
    if name == "load_restorer":
        from .restorers import load_restorer

        return load_restorer
    raise AttributeError(f"module 'vsdeblur' has no attribute {name!r}")
