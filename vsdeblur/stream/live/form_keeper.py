"""Knows what a live stream is made of now, and what changes it."""

from __future__ import annotations

import av

from ..account import clock_time
from ..paths import check_size
from .connection import Connection
from .form import Form, FormMaker
from .frames import LiveFrame
from .watching.journal import Journal

__all__ = ["FormKeeper"]


class FormKeeper:
    """Keeps the form of the stream.

    Args:
        maker: Makes forms.
        shown: What the source is called.
        journal: What is told of changes.
    """

    def __init__(self, maker: FormMaker, shown: str, journal: Journal) -> None:
        self._maker, self._shown, self._journal = maker, shown, journal
        self.form: Form | None = None
        """What the stream is made of; None = nothing has come."""
        self.places: dict[int, int] = {}
        """Index of a track of the connection -> index of the same track in the form."""
        self._shape: tuple[object, ...] = ()
        self._fitted: Connection | None = None  # whose tracks `places` are of

    def fits(self, frame: LiveFrame, connection: Connection) -> bool:
        """Whether a frame, and the tracks beside it, are what the form says."""
        if self.form is None or _shape_of(frame.frame) != self._shape:
            return False
        if connection is self._fitted:
            return True
        places = self.form.places(connection)
        if places is None:
            return False
        self.places, self._fitted = places, connection
        return True

    def begin(self, frame: LiveFrame, connection: Connection) -> Form:
        """Make another form, for what a frame and its connection are like.

        Raises:
            VideoError: The pictures are too small, or cannot be restored or encoded.
        """
        picture = frame.frame
        check_size(self._shown, picture.width, picture.height)
        form = self._maker.make(connection, picture)
        if self.form is not None:
            size = f"{picture.width}x{picture.height}"
            self._journal.say(f"input: pictures are now {size}, from {clock_time(frame.time)} on")
        for line in self._maker.lines(form):
            self._journal.say(line)
        self.form, self._shape, self._fitted = form, _shape_of(picture), connection
        self.places = {index: index for index in form.tracks}
        return form


def _shape_of(frame: av.VideoFrame) -> tuple[object, ...]:
    """What of a frame an encoder is set up for."""
    return (
        frame.width,
        frame.height,
        frame.format.name,
        frame.color_range,
        frame.colorspace,
        frame.color_primaries,
        frame.color_trc,
    )
