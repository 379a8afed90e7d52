"""The simulated device itself: what it calls a race, and what it does not."""

import numpy as np
import pytest
import torch

from simulated_cuda.device import SimulatedCUDA
from simulated_cuda.stand_ins import Event
from vsdeblur.frames.device_streams import DeviceStreams


@pytest.fixture
def cuda(monkeypatch):
    cuda = SimulatedCUDA()
    cuda.install(monkeypatch)
    with cuda.watching():
        yield cuda


@pytest.mark.parametrize("waits", [True, False])
def test_memory_is_not_freed_while_another_stream_uses_it(cuda, waits):
    numbers, other = torch.ones(4), torch.cuda.Stream()
    other.wait_stream(cuda.current_stream)
    with cuda.on_stream(other):
        doubled = 2 * numbers
    if waits:
        cuda.current_stream.wait_stream(other)
    del numbers
    assert [text for text in cuda.races.found if "is freed while" not in text] == []
    assert bool(cuda.races.found) != waits
    assert doubled.tolist() == [2] * 4


@pytest.mark.parametrize("name", [None, "wait", "record_stream"])
def test_what_stages_hand_over_may_be_forgotten(cuda, monkeypatch, name):
    if name is not None:
        where = Event if name == "wait" else torch.Tensor
        monkeypatch.setattr(where, name, lambda *arguments: None)
    stages = DeviceStreams(torch.device("cuda", 0))
    with stages.uploading():
        there = stages.pending(torch.ones(4))
    with stages.computing():
        doubled = 2 * there.taken()
        del there
        made = stages.pending(doubled)
        del doubled
    with stages.downloading():
        result = made.taken() + 1
        stages.done().synchronize()
    assert bool(cuda.races.found) == (name is not None), cuda.races.found
    assert result.tolist() == [3] * 4


@pytest.mark.parametrize("waits", [True, False])
def test_memory_is_not_used_before_what_had_it_is_done(cuda, waits):
    """The allocator gives it at once to the stream that freed it, which may still be at work."""
    torch.ones(4)
    numbers, other = torch.empty(4), torch.cuda.Stream()
    if waits:
        other.wait_stream(cuda.current_stream)
    with cuda.on_stream(other):
        numbers.fill_(1)
    cuda.synchronize()
    assert bool(cuda.races.found) != waits


@pytest.mark.parametrize("waits", [True, False])
def test_numpy_is_seen_in_pinned_memory(cuda, waits):
    here = torch.empty(4, pin_memory=True)
    np.copyto(here.numpy(), 1)
    there = torch.empty(4).copy_(here, non_blocking=True)
    if waits:
        cuda.current_stream.synchronize()
    np.copyto(here.numpy(), 2)
    assert bool(cuda.races.found) != waits
    assert there.tolist() == [1] * 4


@pytest.mark.parametrize("waits", [True, False])
def test_threads_are_ordered_by_locks_alone(cuda, waits):
    here, lock = torch.empty(4, pin_memory=True), cuda.lock()

    def work():
        if waits:
            with lock:
                np.copyto(here.numpy(), 1)
        else:
            np.copyto(here.numpy(), 1)

    cuda.run_threads(work, work)
    assert bool(cuda.races.found) != waits


def test_parts_of_one_memory_are_apart(cuda):
    numbers, other = torch.empty(2, 4), torch.cuda.Stream()
    numbers[0].fill_(1)
    with cuda.on_stream(other):
        numbers[1].fill_(2)
    cuda.synchronize()
    assert cuda.races.found == []
