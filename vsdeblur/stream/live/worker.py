"""Restores frames, one after the other, at the level that time allows."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from threading import Event, get_native_id

import av
import torch
from torch import Tensor

from ...errors import first_line
from ...runtime.host import frame_done, num_threads
from ..formats import convert_frame
from .clock import Clock
from .form import Form
from .frames import Window
from .job import Job, Planes, without_gone
from .levels import LiveFilter
from .policy import PolicyRules, PolicyState, Sample, after_sample, first_state, probe_level
from .queues import DropQueue
from .watching.journal import Journal
from .watching.meter import Meter

__all__ = ["Worker"]

_WAIT_SECONDS = 0.2
_CALIBRATIONS = 3
"""Runs of each level before its time is believed; the first ones compile and allocate."""
_UNTRIED_SECONDS = 1.0
"""How long nothing is restored, for it would come too late, before one frame is tried all the same:
without it nothing would tell when that has changed."""
_RESERVE_SHARE, _RESERVE_SECONDS = 0.1, 0.02
"""Of the bound on latency, and beyond it, kept for encoding and sending."""
_SMOOTH = 0.1
_FADE = 0.99
_GIVES_WAY = 3
"""Steps of priority by which restoring is behind; each takes a fifth of the time of a busy core."""
_FAILED_LOAD = 4.0
"""What a frame counts as that failed."""


class Worker:
    """Restores jobs as long as that can be done in time, and lets the others pass.

    Args:
        chosen: What can be done to frames.
        bound: Seconds of latency that are allowed.
        clock: The run's.
        journal: What is told of events.
        meter: What counts.
        stop: Ends it.
        rules: When levels change.
    """

    def __init__(
        self,
        chosen: LiveFilter,
        bound: float,
        clock: Clock,
        journal: Journal,
        meter: Meter,
        stop: Event,
        rules: PolicyRules | None = None,
    ) -> None:
        self._levels, self._radius = chosen.levels, chosen.radius
        self._bound, self._clock = bound, clock
        self._journal, self._meter, self._stop = journal, meter, stop
        self._rules = rules or PolicyRules()
        self._state: PolicyState | None = None
        self._queue: DropQueue[Job | Form] = DropQueue(without_gone)
        self._ready_for: Form | None = None
        self._interval = 1 / 30
        self._encoding = 0.0
        self._tried_at = 0.0
        self._number = 0
        self._said = ""
        self._cores = torch.get_num_threads()

    def begin(self, form: Form) -> None:
        """Frames of another form follow: the networks are run for trial before the first one."""
        self._interval = float(1 / form.facts.frame_rate)
        self._queue.put(form)

    def deadline(self, window: Window, form: Form) -> float:
        """When a frame goes on at the latest."""
        if self._stop.is_set() or self._ready_for is not form:
            return window.ready  # nobody would restore it
        reserve = max(_RESERVE_SECONDS, _RESERVE_SHARE * self._bound, 2 * self._encoding)
        return window.ready + max(self._bound / 2, self._bound - reserve)

    def put(self, job: Job) -> None:
        """Have a job restored, or let pass."""
        self._queue.put(job)

    def note_interval(self, seconds: float) -> None:
        """Two frames were so far apart."""
        self._interval += _SMOOTH * (seconds - self._interval)

    def note_encoding(self, seconds: float) -> None:
        """Encoding a frame took so long; one that takes long is remembered for a while."""
        self._encoding = max(seconds, _FADE * self._encoding)

    def run(self) -> None:
        """Work until it is stopped."""
        _give_way()
        with num_threads(self._cores):
            while not self._stop.is_set():
                item = self._queue.get(_WAIT_SECONDS)
                if isinstance(item, Form):
                    self._calibrate(item)
                elif item is not None and not item.gone:
                    self._do(item)

    def _do(self, job: Job) -> None:
        """Restore a job if that is of use."""
        state = self._state
        if state is None or self._ready_for is not job.form:
            job.settle(None)
            return
        now = self._clock.now()
        probe = probe_level(self._rules, state, now, self._interval)
        level = state.level if probe is None else probe
        if self._levels[level].restorer is None:
            job.settle(None)
            return
        expected = state.costs[level] * state.slowness
        untried = now - self._tried_at > _UNTRIED_SECONDS
        if probe is None and now + expected > job.deadline and not untried:
            job.settle(None)
            return
        self._tried_at = now
        planes = self._restored(job, level)
        seconds = self._clock.now() - now
        if planes is None:
            seconds = max(seconds, _FAILED_LOAD * self._interval)
        job.settle(planes)
        self._judge(Sample(now + seconds, level, seconds, self._interval))
        frame_done()

    def _restored(self, job: Job, level: int) -> Planes | None:
        """The planes of a restored frame; None = it failed."""
        coding, middle = job.form.coding, job.window.middle
        try:
            window = torch.stack([frame.picture(coding) for frame in job.window.frames])
            self._number += 1
            restored = self._run(level, window)
            return coding.encode(middle.frame, middle.picture(coding), restored)
        except Exception as error:  # the show goes on, whatever a card or a network does
            said = first_line(error)
            if said != self._said:
                self._journal.say(f"restoring fails, frames pass through: {said}")
            self._said = said
            return None

    def _run(self, level: int, window: Tensor) -> Tensor:
        restorer = self._levels[level].restorer
        assert restorer is not None
        return restorer.restore(window, self._number)[0]

    def _judge(self, sample: Sample) -> None:
        """Let the policy see how long a frame took."""
        assert self._state is not None
        before = self._state.level
        self._state = after_sample(self._rules, self._state, sample)
        level = self._state.level
        self._meter.level = level
        if level != before:
            self._meter.level_changes += 1
            name = self._levels[level].name
            why = "restoring takes too long" if level > before else "there is time again"
            self._journal.say(f"level {level} ({name}), before {before}: {why}")

    def _calibrate(self, form: Form) -> None:
        """Run each level, to have it loaded and to know how long it takes."""
        frame = convert_frame(form.facts.first, form.working_format)
        try:
            picture = form.coding.read(frame)
            window = picture.expand(2 * self._radius + 1, -1, -1, -1).contiguous()
            costs = [
                self._cost(form, frame, picture, window, level)
                for level, each in enumerate(self._levels)
                if each.restorer is not None
            ]
        except Exception as error:  # as in `_restored`
            self._journal.say(f"restoring fails, frames pass through: {first_line(error)}")
            return
        if self._stop.is_set():
            return
        state = first_state(self._rules, tuple(costs), self._interval)
        self._state, self._ready_for = state, form
        self._meter.level = state.level
        if state.level:
            name = self._levels[state.level].name
            self._journal.say(
                f"level {state.level} ({name}): here {self._levels[0].name} takes "
                f"{costs[0] * 1000:.0f} ms a frame, which lasts {self._interval * 1000:.0f} ms"
            )

    def _cost(
        self, form: Form, frame: av.VideoFrame, picture: Tensor, window: Tensor, level: int
    ) -> float:
        """Seconds that a frame takes at a level."""
        times = []
        for _ in range(_CALIBRATIONS):
            if self._stop.is_set():
                return math.inf
            start = self._clock.now()
            form.coding.encode(frame, picture, self._run(level, window))
            times.append(self._clock.now() - start)
        return max(min(times), 1e-6)


def _give_way() -> None:
    """Let decoding and encoding have the cores first: restoring may take its time, they may not."""
    if (
        sys.platform == "linux"
    ):  # where a thread has a priority of its own, which those it makes take
        with suppress(OSError):
            thread = get_native_id()
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, own + _GIVES_WAY)
