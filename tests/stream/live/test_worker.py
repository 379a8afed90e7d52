"""What the worker restores, and when it lets frames pass."""

import threading
import time
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from live_stand_ins import Identity

from vsdeblur.frames.luma import LumaCoding
from vsdeblur.stream.coding import LumaFrames
from vsdeblur.stream.live.clock import Clock
from vsdeblur.stream.live.ends.addresses import Secrets
from vsdeblur.stream.live.frames import LiveFrame, Window
from vsdeblur.stream.live.job import Job
from vsdeblur.stream.live.levels import PASSED, HalfSize, Level, LiveFilter
from vsdeblur.stream.live.watching.journal import Journal
from vsdeblur.stream.live.watching.meter import Meter
from vsdeblur.stream.live.worker import Worker


@dataclass(frozen=True)
class Facts:
    first: av.VideoFrame
    frame_rate: Fraction = Fraction(30)


@dataclass(frozen=True)
class Form:
    facts: Facts
    coding: object
    working_format: str = "yuv420p"


def make_frame(number=0):
    frame = av.VideoFrame(32, 16, "yuv420p")
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 60 + number
    return frame


@pytest.fixture
def start():
    """Starts a worker with levels of networks; returns what makes jobs for it."""
    stop = threading.Event()
    threads = []

    def run(*networks, bound=0.5):
        levels = [Level(f"level {n}", network) for n, network in enumerate(networks)]
        chosen = LiveFilter(2, 1, torch.device("cpu"), (*levels, PASSED))
        clock, events = Clock(), []
        meter = Meter(clock, [], level_names=[level.name for level in chosen.levels])
        worker = Worker(chosen, bound, clock, Journal(events.append, Secrets()), meter, stop)
        form = Form(Facts(make_frame()), LumaFrames(LumaCoding(bits=8), torch.device("cpu")))
        worker._calibrate(form)
        threads.append(threading.Thread(target=worker.run))
        threads[-1].start()

        def job(number=0, ready=None):
            frame = LiveFrame(make_frame(number), Fraction(number, 30), clock.now(), None)
            window = Window((frame,) * 5, clock.now() if ready is None else ready)
            made = Job(window, form, worker.deadline(window, form))
            worker.put(made)
            return made.result(clock)

        worker.job, worker.events, worker.meter, worker.clock = job, events, meter, clock
        return worker

    yield run
    stop.set()
    for thread in threads:
        thread.join(5)


class Brighter:
    """Adds ten code values."""

    def restore(self, window, number=0):
        return window[2][None] + 10 / 219


class Failing:
    def __init__(self, after):
        self.runs, self.after = 0, after

    def restore(self, window, number=0):
        self.runs += 1
        if self.runs > self.after:
            raise RuntimeError("CUDA error: out of memory\nand more")
        return window[2][None]


def test_a_frame_is_restored(start):
    (luma,) = start(Brighter()).job(5)
    assert luma.shape == (16, 32)
    assert np.all(luma == 75)


def test_a_frame_whose_network_hangs_passes_at_its_deadline(start):
    slow = threading.Event()
    worker = start(Identity(lambda: 2.0 if slow.is_set() else 0.0), bound=0.2)
    slow.set()
    begun = time.monotonic()
    assert worker.job() is None
    assert time.monotonic() - begun < 0.7  # 0.2, but on a busy machine
    for _ in range(3):  # the worker is still at the first one
        begun = time.monotonic()
        assert worker.job() is None
        assert time.monotonic() - begun < 0.7  # 0.2, but on a busy machine


def test_a_frame_that_would_come_too_late_is_not_begun(start):
    runs = []
    worker = start(Identity(lambda: runs.append(1) or 0.15), bound=0.2)
    worker.job()  # one is tried, whatever is expected
    before = len(runs)
    for _ in range(3):
        assert worker.job(ready=worker.clock.now() - 0.15) is None
    assert len(runs) == before


def test_failures_let_frames_pass_and_are_said_once(start):
    worker = start(Failing(after=4))
    assert worker.job() is not None
    for _ in range(5):
        assert worker.job() is None
    failures = [event for event in worker.events if "restoring fails" in event]
    assert len(failures) == 1
    assert failures[0].endswith("CUDA error: out of memory")


def test_a_network_that_is_too_slow_from_the_start_is_not_begun_with(start):
    worker = start(Identity(0.1), Identity(0.001))
    assert worker.meter.level == 1
    assert "level 1" in worker.events[0]


def test_the_level_goes_down_when_it_takes_too_long_and_comes_back(start):
    factor = [1.0]
    worker = start(Identity(lambda: 0.005 * factor[0]), Identity(0.001))
    worker.job()
    factor[0] = 20
    give_up = time.monotonic() + 5
    while not worker.meter.level and time.monotonic() < give_up:
        worker.job()
    assert worker.meter.level > 0  # which one depends on how busy the machine is
    factor[0] = 1
    give_up = time.monotonic() + 30
    while worker.meter.level and time.monotonic() < give_up:
        worker.job()
        time.sleep(0.02)
    assert worker.meter.level == 0


@pytest.mark.parametrize("size", [(16, 16), (17, 31)])
def test_half_the_size_gives_the_picture_back_where_nothing_is_to_be_restored(size):
    window = torch.rand(5, 1, *size)
    assert torch.equal(HalfSize(Identity()).restore(window)[0], window[2])


def test_half_the_size_takes_over_what_a_network_changes():
    window = torch.rand(5, 1, 20, 30)
    restored = HalfSize(Brighter()).restore(window)[0]
    torch.testing.assert_close(restored, window[2] + 10 / 219)
