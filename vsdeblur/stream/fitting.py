"""Frames in another size, and frames shown once more."""

from __future__ import annotations

from fractions import Fraction

import av

__all__ = ["FrameFitter", "FrameHolder"]


class FrameFitter:
    """Scales frames into a picture, black where their shape is another.

    Args:
        width: Columns of the picture.
        height: Rows of it.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._graph: av.filter.Graph | None = None
        self._shape: tuple[int, int, str, Fraction] | None = None

    def fitted(self, frame: av.VideoFrame, wider: Fraction = Fraction(1)) -> av.VideoFrame:
        """The frame in the picture's size, with its format and times.

        Args:
            frame: The frame.
            wider: How many times wider its pixels are than the picture's.
        """
        if (frame.width, frame.height) == self._size and wider == 1:
            return frame
        shape = (frame.width, frame.height, frame.format.name, wider)
        if self._shape != shape:
            try:
                self._graph = self._built(frame, wider)
            except (av.FFmpegError, ValueError):  # a shape that cannot be kept
                self._graph = None
            self._shape = shape
        if self._graph is None:
            width, height = self._size
            return frame.reformat(width=width, height=height)
        pts, duration, time_base = frame.pts, frame.duration, frame.time_base
        self._graph.push(frame)
        fitted = self._graph.pull()
        assert isinstance(fitted, av.VideoFrame)
        fitted.pts, fitted.duration, fitted.time_base = pts, duration, time_base
        return fitted

    def _built(self, frame: av.VideoFrame, wider: Fraction) -> av.filter.Graph:
        width, height = self._size
        scale = min(width / (frame.width * wider), Fraction(height, frame.height))
        fitted = f"{round(frame.width * wider * scale)}:{round(frame.height * scale)}"
        graph, source = _graph_for(frame)
        filters = [graph.add("scale", f"{fitted}:interl=-1"), graph.add("pad", _pad(width, height))]
        graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
        return graph


def _pad(width: int, height: int) -> str:
    """Black around a picture, an even number of rows above it: fields stay fields."""
    return f"{width}:{height}:-1:floor((oh-ih)/4)*2"


class FrameHolder:
    """Holds the last frame, to show it once more; it shares the frame's memory."""

    def __init__(self) -> None:
        self._graph: av.filter.Graph | None = None
        self._shape: tuple[int, int, str] | None = None
        self._held: av.VideoFrame | None = None

    def hold(self, frame: av.VideoFrame) -> None:
        """Hold a frame in the place of the one before."""
        self._held = self._referenced(frame)

    def once_more(self, pts: int, duration: int) -> av.VideoFrame | None:
        """The frame that is held, at another time; None = there is none."""
        if self._held is None:
            return None
        frame = self._referenced(self._held)
        frame.pts, frame.duration, frame.time_base = pts, duration, self._held.time_base
        return frame

    def _referenced(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A second frame of the same memory: who writes into one of them gets a copy."""
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is None or shape != self._shape:
            self._graph, source = _graph_for(frame)
            self._graph.link_nodes(source, self._graph.add("buffersink")).configure()
            self._shape = shape
        self._graph.push(frame)
        second = self._graph.pull()
        assert isinstance(second, av.VideoFrame)
        second.pts, second.duration = frame.pts, frame.duration
        second.time_base = frame.time_base
        return second


def _graph_for(frame: av.VideoFrame) -> tuple[av.filter.Graph, av.filter.FilterContext]:
    """A graph with a source of frames of one kind."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base,
    )
    return graph, source
