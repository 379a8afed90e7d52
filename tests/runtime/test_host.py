"""Cores that PyTorch's work takes."""

from __future__ import annotations

from threading import Thread

import pytest
import torch
from torch import nn

from vsdeblur.runtime.compile import compile_network
from vsdeblur.runtime.host import num_threads
from vsdeblur.runtime.network import NetworkSource


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_the_number_holds_until_the_end_whatever_happens(three_threads):
    def fail():
        with num_threads(1):
            raise ValueError(torch.get_num_threads())

    with pytest.raises(ValueError, match=r"^1$"):
        fail()
    assert torch.get_num_threads() == 3


def test_a_network_takes_all_cores_where_its_caller_keeps_to_one(three_threads):
    seen = []

    class Witness(nn.Module):
        def forward(self, frames):
            seen.append(torch.get_num_threads())
            return frames

    source = NetworkSource(name="a", module=Witness(), channels=1, multiple_of=1, digest="")
    network = compile_network(source, "eager", torch.device("cpu"), torch.float32)

    def call():
        with num_threads(1):
            network(torch.zeros(1, 1, 2, 2))
            seen.append(torch.get_num_threads())

    thread = Thread(target=call)
    thread.start()
    thread.join()
    assert seen == [3, 1]
