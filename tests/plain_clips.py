"""Clips of flat frames, and a restorer that does as it is told, for tests of the command."""

import av
import numpy as np
import torch


class Identity:
    """A restorer that restores nothing; what it is told to do comes before each frame."""

    radius, multiplier, channels = 0, 1, 1
    device = torch.device("cpu")
    exposure, moves_chroma = 1.0, False

    def __init__(self, before=lambda number: None):
        self.before = before

    def restore(self, window, number=0):
        self.before(number)
        return window


def write_clip(path, *, count=12, size=(64, 48), rate=25, pix_fmt="yuv420p", metadata=None):
    """Write a lossless clip whose frames get lighter; returns the path."""
    width, height = size
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for index in range(count):
            picture = np.full((height, width, 3), 16 + 200 * index // count, np.uint8)
            picture[index % height] = 235
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
