"""Counts what came, what was concealed, lost, changed, and left out; and says it in one line."""

from __future__ import annotations

from bisect import insort
from fractions import Fraction

from .events import Change, End, Event, Gap, GapReason, Picture
from .promise import Promise
from .timeline import Jump

__all__ = ["Account", "clock_time"]

_CUT_SHORT_FRAMES = Fraction(3, 2)
"""Frames before its promised end at which a source may end: tracks differ a little."""
_NEAR = Fraction(3, 4)
"""Frames between a packet and the nearest picture, below which the picture shows the packet: the
fields of a frame have packets of their own, and so have pictures that are never shown."""
_STEADY = Fraction(4, 5)
"""Share of frames at the nominal distance from which a source has a constant rate."""


def clock_time(seconds: Fraction) -> str:
    """A time as a player shows it.

    >>> clock_time(Fraction(3725, 2))
    '0:31:02.50'
    """
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest // 100:02}.{rest % 100:02}"


class Account:
    """What became of a source; each event is told to it once, in order."""

    def __init__(self, promise: Promise | None = None) -> None:
        self.promise = promise or Promise()
        self.frames = 0
        """Frames that came."""
        self.concealed = 0
        """Of those, frames with parts that the decoder filled in."""
        self.held = 0
        """Pictures that are shown once more in the place of what could not be decoded."""
        self.errors = 0
        """Errors of demuxer and decoder."""
        self.packets = 0
        """Packets of the picture track."""
        self.jumps: list[Jump] = []
        """Where the source's clock jumped, and the timeline did not."""
        self.end: End | None = None
        """How the source ended."""
        self._changes: list[Change] = []
        self._waiting: list[Fraction] = []  # times of packets that no picture has shown yet
        self._unshown: list[Fraction] = []
        self._damaged: list[Fraction] = []
        self._interlaced = 0
        self._discarded = 0
        self._last: Fraction | None = None
        self._steady = self._holes = 0
        self._hole_frames = 0
        self._first_hole: Fraction | None = None

    def note(self, event: Event) -> None:
        """Count an event."""
        match event:
            case Picture(held=True):
                self.held += 1
            case Picture():
                self._note_picture(event)
            case Gap(reason=GapReason.JUMP):
                self.jumps.append(Jump(event.time, event.seconds))
            case Gap():
                self.errors += 1
                insort(self._damaged, event.time)
                del self._damaged[1000:]
            case Change():
                self._changes.append(event)
            case End():
                self._settle(None)
                self.end = event

    def pass_over(self) -> None:
        """What follows does not continue what came: something between was not wanted."""
        self._waiting.clear()
        self._last = None

    def begin_at(self, time: Fraction) -> None:
        """What is wanted begins at a time, in seconds: what came before does not count."""
        self.frames = self.concealed = self.held = self.errors = self.packets = 0
        self._interlaced = self._discarded = 0
        self._steady = self._holes = self._hole_frames = 0
        self._last = self._first_hole = None
        self._waiting = [each for each in self._waiting if each > time]
        for times in (self._unshown, self._damaged):
            times[:] = [each for each in times if each >= time]

    def note_discarded(self) -> None:
        """A packet of the picture track came that is not to be shown."""
        self._discarded += 1

    def due(self, until: Fraction | None) -> list[Fraction]:
        """Times at which a picture is due before the next one, and none comes.

        Args:
            until: When the next picture is shown; None = there is none.

        Returns:
            Rising times; none before something was found damaged.
        """
        if self._last is None or self._interlaced or not self.errors:
            return []
        near = _NEAR * self.promise.frame_seconds
        last = self._last + near
        times = []
        for time in self._waiting:
            if until is not None and time > until - near:
                break
            if time >= last:
                times.append(time)
                last = time + near
        return times

    def note_packet(self, time: Fraction | None) -> None:
        """Count a packet of the picture track, and when it is shown; None = it does not say."""
        self.packets += 1
        if time is not None:
            insort(self._waiting, time)

    @property
    def lost(self) -> int:
        """Frames whose data came and gave no picture, as far as can be told."""
        unshown = len(self._unshown)
        whole = self._interlaced > self.frames // 2 and not self.errors
        if whole and unshown >= self.frames * _STEADY:
            return 0  # the second field of each frame
        return unshown

    @property
    def missing(self) -> int:
        """Frames that the source should have and has not."""
        promised = self._promised_frames()
        if promised is not None:  # whose pauses are then meant
            return max(0, promised - self.frames - self.lost)
        steady = self._steady >= (self._steady + self._holes) * _STEADY
        by_holes = self._hole_frames + self._frames_after_last() - self.lost if steady else 0
        return max(0, by_holes)

    @property
    def cut_short(self) -> Fraction:
        """Seconds by which the source ended before its promised end."""
        if self.promise.end is None or self.end is None or self.jumps:
            return Fraction(0)
        short = self.promise.end - self.end.time
        allowed = self.promise.tolerance + _CUT_SHORT_FRAMES * self.promise.frame_seconds
        return short if short > allowed else Fraction(0)

    @property
    def whole(self) -> bool:
        """Whether all that the source promised came, and came undamaged."""
        ended = self.end is None or self.end.complete
        return ended and not (
            self.lost or self.missing or self.concealed or self.errors or self.cut_short
        )

    def damage(self) -> str:
        """What is wrong with the source, in one line; empty if nothing is."""
        if self.whole:
            return ""
        parts = []
        if self.lost:
            held = ", where the one before is held" if self.held else ""
            parts.append(f"{self.lost} frames could not be decoded{held}")
        if self.missing:
            are = "seem to be" if self._promised_frames() is None else "are"
            parts.append(f"{self.missing} frames {are} missing")
        if self.concealed:
            parts.append(f"{self.concealed} frames have concealed damage")
        if self.errors and not self.lost:
            parts.append(f"{self.errors} damaged packets")
        if self.cut_short:
            parts.append(f"it ends {float(self.cut_short):.2f} s before its promised end")
        if self.end is not None and not self.end.complete:
            parts.append(self.end.why or "it is cut short")
        places = [*self._damaged[:1], *self._unshown[:1]]
        if self._first_hole is not None and self.missing:
            places.append(self._first_hole)
        where = f", from {clock_time(min(places))} on" if places else ""
        return f"damaged: {', '.join(parts)}{where}; {self.frames} frames came"

    def changes(self) -> list[str]:
        """Where the source changed or its clock jumped, a line for each kind."""
        lines = []
        if self._changes:
            first = self._changes[0]
            more = f" ({len(self._changes)} changes in all)" if len(self._changes) > 1 else ""
            lines.append(
                f"the {first.what} changes from {first.before} to {first.after} at "
                f"{clock_time(first.time)}{more}; the pictures are fitted to the first"
            )
        if self.jumps:
            first_jump = self.jumps[0]
            more = f" ({len(self.jumps)} jumps in all)" if len(self.jumps) > 1 else ""
            lines.append(
                f"the clock jumps by {float(first_jump.seconds):.1f} s at "
                f"{clock_time(first_jump.time)}{more}; time goes on without a break"
            )
        return lines

    def _note_picture(self, picture: Picture) -> None:
        self.frames += 1
        self.concealed += picture.concealed
        self._interlaced += picture.frame.interlaced_frame
        self._settle(picture.time)
        if self._last is not None:
            self._measure(picture.time - self._last)
        self._last = picture.time

    def _settle(self, until: Fraction | None) -> None:
        """Decide on packets whose turn to be shown has passed."""
        near = _NEAR * self.promise.frame_seconds
        while self._waiting and (until is None or self._waiting[0] < until + near):
            time = self._waiting.pop(0)
            before = self._last is not None and time - self._last < near
            at = until is not None and abs(until - time) < near
            if not before and not at:
                self._unshown.append(time)

    def _measure(self, step: Fraction) -> None:
        """Look for frames that are missing between two."""
        frames = step / self.promise.frame_seconds
        if frames < Fraction(3, 2):
            self._steady += 1
        else:
            self._holes += 1
            self._hole_frames += round(frames) - 1
            if self._first_hole is None and self._last is not None:
                self._first_hole = self._last + self.promise.frame_seconds

    def _frames_after_last(self) -> int:
        """Frames by which the pictures end before they promised to."""
        end, step = self.promise.picture_end, self.promise.frame_seconds
        if end is None or self._last is None or self.end is None or self.jumps:
            return 0
        return max(0, round((end - self._last) / step) - 1)

    def _promised_frames(self) -> int | None:
        """Frames by the source's own count, whose fields may count as such."""
        promised = self.promise.frames
        if promised is None or self._changes:
            return None
        promised -= self._discarded
        fields = self._interlaced > self.frames // 2 and promised >= 2 * self.frames * _STEADY
        return promised // 2 if fields else promised
