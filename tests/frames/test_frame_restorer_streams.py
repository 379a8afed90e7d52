"""Planes on a GPU with several streams and threads, with a simulated device: nothing races."""

import contextlib
import itertools

import numpy as np
import pytest
import torch
from simulated_cuda.device import SimulatedCUDA
from simulated_cuda.stand_ins import Event
from torch import nn

from vsdeblur.errors import DeblurError
from vsdeblur.frames import frame_restorer
from vsdeblur.frames.device_streams import DeviceStreams
from vsdeblur.frames.frame_restorer import FrameRestorer, Source
from vsdeblur.frames.luma import LumaCoding
from vsdeblur.frames.ring import window_offsets
from vsdeblur.models import MODELS
from vsdeblur.restorers import dblrgan
from vsdeblur.restorers.dblrgan import DBLRGANOptions, WindowRestorer

FAST = MODELS["dblrgan"]["fast"]
CPU = torch.device("cpu")
CODING = LumaCoding(bits=8)
HEIGHT, WIDTH, FRAMES = 9, 12, 30


@pytest.fixture
def cuda(monkeypatch):
    """A simulated device, on which `FrameRestorer` works with tensors of the CPU."""
    cuda = SimulatedCUDA()
    cuda.install(monkeypatch)
    monkeypatch.setattr(dblrgan, "Lock", cuda.lock)
    on_gpu = torch.device("cuda", 0)
    monkeypatch.setattr(
        frame_restorer, "DeviceStreams", lambda device, streams: DeviceStreams(on_gpu, streams)
    )
    return cuda


@pytest.fixture
def source(rng):
    """Frames; every other one exceeds the nominal range."""
    frames = rng.integers(16, 236, (FRAMES, HEIGHT, WIDTH), dtype="u1")
    frames[::2, 3] = rng.integers(0, 256, WIDTH, dtype="u1")
    return frames


@pytest.fixture
def make_planes(cuda):
    """Makes a `FrameRestorer` and its network, whose weights come on the default stream."""

    def make(streams=1, in_flight=3):
        with cuda.watching():
            network = nn.Sequential(nn.Conv2d(5, 2, 3, padding=1), nn.Conv2d(2, 1, 1))
            restorer = WindowRestorer(
                network.requires_grad_(False), FAST, CPU,
                options=DBLRGANOptions(num_streams=streams), adds_middle_frame=True,
            )  # fmt: skip
            return FrameRestorer(restorer, HEIGHT, WIDTH, CODING, in_flight)

    return make


def window_of(number):
    """A window's frames, cut at the clip's ends."""
    pairs = range(number - 2, number + 2)
    return [number + o for o in window_offsets([not 0 <= n < FRAMES - 1 for n in pairs])]


def restore(whole, source, number, codings=None):
    target, numbers = np.zeros_like(source[0]), window_of(number)
    codings = codings or [CODING] * FRAMES
    whole.restore(numbers, [Source([source[n]], codings[n]) for n in numbers], [[target]])
    return target


def assert_is_restored(plane, whole, source, number):
    """A plane is what the restorer gives on the CPU."""
    luma = torch.stack([CODING.decode(source[n], CPU) for n in window_of(number)])
    np.testing.assert_array_equal(plane, CODING.encode(whole._restorer.restore(luma)[0]))


@pytest.mark.parametrize(("streams", "threads"), [(1, 1), (1, 4), (3, 4)])
def test_several_threads_and_streams_do_not_race(cuda, make_planes, source, streams, threads):
    whole, results = make_planes(streams), {}
    numbers = iter([*range(FRAMES), *range(FRAMES)])  # the ring has 14 places

    def work():
        for number in numbers:
            results.setdefault(number, []).append(restore(whole, source, number))

    cuda.run_threads(*[work] * threads)
    assert cuda.races.found == []
    for number in range(FRAMES):
        for plane in results[number]:
            assert_is_restored(plane, whole, source, number)


def skip(monkeypatch, name, index):
    """Let one call of a method of events do nothing."""
    calls, method = itertools.count(), getattr(Event, name)
    monkeypatch.setattr(
        Event, name, lambda event, *more: next(calls) == index or method(event, *more)
    )


@pytest.mark.parametrize(
    ("name", "index"),
    [
        pytest.param("synchronize", 0, id="for weights and memory"),
        pytest.param("wait", 4, id="for the frames"),
        pytest.param("wait", 5, id="for the network"),
        pytest.param("synchronize", 1, id="for the result"),
        pytest.param(None, None, id="none"),
    ],
)
def test_each_wait_is_needed(monkeypatch, cuda, make_planes, source, name, index):
    if name is not None:
        skip(monkeypatch, name, index)
    whole = make_planes()
    with cuda.watching():
        torch.ones(3)  # another filter's work, on the default stream
        restore(whole, source, 2)
    assert bool(cuda.races.found) == (name is not None), cuda.races.found


@pytest.mark.parametrize("where", ["read", "network"])
@pytest.mark.parametrize("waits", [True, False])
def test_what_failed_is_over_before_its_memory_is_used_again(
    monkeypatch, cuda, make_planes, source, where, waits
):
    whole = make_planes()
    if not waits:  # the test can fail
        monkeypatch.setattr(whole, "_complete", contextlib.nullcontext)

    class Unreadable(LumaCoding):
        def exceeds(self, plane):
            raise DeblurError("no such frame")

    codings = [CODING] * FRAMES
    if where == "read":
        codings[4] = Unreadable(bits=8)

    def network(frames, run=whole._restorer._network):
        run(frames)
        raise DeblurError("no memory left")

    with cuda.watching():
        with monkeypatch.context() as patched:
            if where == "network":
                patched.setattr(whole._restorer, "_network", network)
            with pytest.raises(DeblurError):
                restore(whole, source, 2, codings)
        later = 2 + whole._places  # at the same places
        plane = restore(whole, source, later)
    assert bool(cuda.races.found) != waits, cuda.races.found
    assert_is_restored(plane, whole, source, later)
