"""What a filter does, shown on a clip; the clip of its own needs the extra `vsdeblur[demo]`."""

from __future__ import annotations

from .run_demo import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo"]
