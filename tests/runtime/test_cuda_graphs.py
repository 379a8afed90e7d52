"""Which shapes get a CUDA graph; with a stand-in for the graph, and on a GPU with real ones."""

import contextlib

import pytest
import torch
from torch import nn

from vsdeblur.runtime import eager
from vsdeblur.runtime.compile import compile_network


@pytest.fixture
def graphs(monkeypatch):
    """The graphs of a network that doubles; `captured` lists the shapes, as they come."""
    captured = []

    class Graph:
        def __init__(self, module, frames):
            captured.append(tuple(frames.shape))
            self.run = module

    monkeypatch.setattr(eager, "_Graph", Graph)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)

    class Double(nn.Module):
        def forward(self, frames):
            return 2 * frames

    graphs = eager._Graphs(Double())
    graphs.captured = captured
    return graphs


def run(graphs, size, times):
    frames = torch.ones(1, 1, size, size)
    for _ in range(times):
        assert torch.equal(graphs.run(frames), 2 * frames)


def test_a_shape_that_does_not_return_gets_no_graph(graphs):
    run(graphs, 8, eager.RUNS_BEFORE_CAPTURE)
    assert graphs.captured == []


def test_a_shape_that_returns_gets_one_graph(graphs):
    run(graphs, 8, 3 * eager.RUNS_BEFORE_CAPTURE)
    assert graphs.captured == [(1, 1, 8, 8)]


def test_the_graph_that_was_not_used_for_longest_makes_room(graphs):
    enough = eager.RUNS_BEFORE_CAPTURE + 1
    for size in range(1, eager.MAX_GRAPHS + 1):
        run(graphs, size, enough)
    run(graphs, 1, 1)
    run(graphs, 20, enough)
    assert len(graphs.captured) == eager.MAX_GRAPHS + 1
    run(graphs, 1, enough)
    assert len(graphs.captured) == eager.MAX_GRAPHS + 1
    run(graphs, 2, enough)
    assert len(graphs.captured) == eager.MAX_GRAPHS + 2


@pytest.mark.needs_gpu
def test_a_graph_gives_what_the_network_gives(make_source, cache):
    device = torch.device("cuda", 0)
    source = make_source()
    network = compile_network(source, "eager", device, torch.float32, cache)
    for _ in range(2 * eager.RUNS_BEFORE_CAPTURE):
        frames = torch.rand(1, 5, 16, 16, device=device)
        with torch.inference_mode():
            torch.testing.assert_close(network(frames), source.module(frames), rtol=1e-3, atol=1e-3)
