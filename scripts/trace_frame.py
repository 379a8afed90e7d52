"""Prints the way of a frame through the package: files, functions, moves between folders.

usage: python scripts/trace_frame.py [FILTER [OPTION=VALUE ...]]; values as in Python. A move is a
change of the folder whose code runs, at a call or a return. The frame is one in the middle of a
clip, once all is loaded; each frame before it has been asked for, so that one is new in its window.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import CodeType

import vapoursynth as vs

import vsdeblur

ROOT = Path(vsdeblur.__file__).parent
WARM_UP = 12
"""Frames before the one that is followed."""


class Trace:
    """What runs of the package, in order."""

    def __init__(self) -> None:
        self._stack: list[str] = []
        self.folders: list[str] = []
        """Folders whose code runs, one after the other."""
        self.functions: dict[tuple[str, str], int] = {}
        """File and function -> how often it was called."""

    def entered(self, code: CodeType, offset: int) -> None:
        """A function begins."""
        file = Path(code.co_filename)
        if not file.is_relative_to(ROOT):
            return
        name = str(file.relative_to(ROOT))
        key = (name, code.co_qualname)
        self.functions[key] = self.functions.get(key, 0) + 1
        self._stack.append(str(Path(name).parent))
        self.folders.append(self._stack[-1])

    def left(self, code: CodeType, *more: object) -> None:
        """A function ends, or pauses."""
        if Path(code.co_filename).is_relative_to(ROOT) and self._stack:
            self._stack.pop()
            if self._stack:
                self.folders.append(self._stack[-1])

    @property
    def moves(self) -> int:
        """Changes of the folder whose code runs."""
        return sum(a != b for a, b in zip(self.folders, self.folders[1:], strict=False))


def follow(name: str, **options: object) -> Trace:
    """Ask a filter for a frame, and follow it."""
    vs.core.num_threads = 1
    clip = vs.core.std.BlankClip(
        format=vs.YUV420P8, width=64, height=48, length=WARM_UP + 8, color=[120, 128, 128]
    )
    filtered = getattr(vsdeblur, name)(clip, device="cpu", backend="eager", **options)
    for number in range(WARM_UP):
        filtered.get_frame(number)
    trace, events = Trace(), sys.monitoring.events
    tool = sys.monitoring.PROFILER_ID
    sys.monitoring.use_tool_id(tool, "trace_frame")
    callbacks = {
        events.PY_START: trace.entered,
        events.PY_RESUME: trace.entered,
        events.PY_RETURN: trace.left,
        events.PY_YIELD: trace.left,
        events.PY_UNWIND: trace.left,
    }
    for event, callback in callbacks.items():
        sys.monitoring.register_callback(tool, event, callback)
    sys.monitoring.set_events(tool, sum(callbacks))
    filtered.get_frame(WARM_UP)
    sys.monitoring.set_events(tool, 0)
    sys.monitoring.free_tool_id(tool)
    return trace


def main() -> None:
    """Print the trace of a frame."""
    name, *texts = sys.argv[1:] or ["dblrgan"]
    given = dict(text.split("=", 1) for text in texts)
    trace = follow(name, **{key: ast.literal_eval(value) for key, value in given.items()})
    for (file, function), calls in trace.functions.items():
        print(f"{calls:4d} {file}: {function}")
    files = {file for file, _ in trace.functions}
    print(
        f"a frame of {name}: {len(files)} files, {len(trace.functions)} functions, "
        f"{trace.moves} moves between folders"
    )


if __name__ == "__main__":
    main()
