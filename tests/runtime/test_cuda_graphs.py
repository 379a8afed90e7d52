"""Which shapes get a CUDA graph; with a stand-in for the graph, and on a GPU with real ones."""

import logging

import pytest
import torch
from simulated_cuda.device import SimulatedCUDA
from simulated_cuda.stand_ins import Event
from torch import nn

from vsdeblur.runtime.backends import eager
from vsdeblur.runtime.compile import compile_network


@pytest.fixture
def cuda(monkeypatch):
    cuda = SimulatedCUDA()
    cuda.install(monkeypatch)
    monkeypatch.setattr(eager, "Lock", cuda.lock)
    monkeypatch.setattr(eager, "_capturing", cuda.lock())
    monkeypatch.setattr(eager._Graphs, "can_capture", True)
    return cuda


class Double(nn.Module):
    def forward(self, frames):
        return 2 * frames


@pytest.fixture
def graphs(monkeypatch, cuda):
    """The graphs of a network that doubles; `captured` lists the shapes, as they come."""
    captured = []

    class Graph:
        def __init__(self, module, frames):
            captured.append(tuple(frames.shape))
            self.run = module

        def wait(self):
            pass

    monkeypatch.setattr(eager, "_Graph", Graph)
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


# With stand-ins for the streams and the graphs of PyTorch


def test_each_stream_has_graphs_of_its_own(cuda):
    graphs = eager._StreamGraphs(Double())

    def work(stream):
        with cuda.on_stream(stream), torch.inference_mode():
            for step in range(eager.RUNS_BEFORE_CAPTURE + 2):
                frames = torch.full((1, 1, 4, 4), float(step))
                doubled = graphs.run(frames)
                stream.synchronize()
                assert torch.equal(doubled, 2 * frames)

    streams = [torch.cuda.Stream() for _ in range(2)]
    cuda.run_threads(*[lambda s=s: work(s) for s in streams])
    assert cuda.races.found == []
    assert [len(each._graphs) for each in graphs._graphs.values()] == [1, 1]


def run_on_streams(cuda, graphs):
    """A shape that comes again and again, in two threads with a stream each."""

    def work(stream, brightness):
        with cuda.on_stream(stream), torch.inference_mode():
            for step in range(eager.RUNS_BEFORE_CAPTURE):
                frames = torch.full((1, 1, 4, 4), brightness + step / 100)
                doubled = graphs.run(frames)
                stream.synchronize()
                assert torch.equal(doubled, 2 * frames)

    streams = [torch.cuda.Stream() for _ in range(2)]
    cuda.run_threads(*[lambda s=s, n=n: work(s, n) for n, s in enumerate(streams)])
    assert len(graphs._graphs) == 1


def test_a_graph_may_run_on_several_streams(cuda):
    run_on_streams(cuda, eager._Graphs(Double()))
    assert cuda.races.found == []


@pytest.mark.parametrize("name", ["wait", "record"])
def test_without_its_event_a_graph_races(monkeypatch, cuda, name):
    def drop(event, stream=None):  # those that say when a run has finished; waits between streams
        pass

    run_graph = eager._Graph.run

    def run(graph, frames):
        with monkeypatch.context() as patched:
            patched.setattr(Event, name, drop)
            return run_graph(graph, frames)

    monkeypatch.setattr(eager._Graph, "run", run)
    graphs = eager._Graphs(Double())

    def work(stream):
        with cuda.watching(), cuda.on_stream(stream), torch.inference_mode():
            for _ in range(eager.RUNS_BEFORE_CAPTURE + 1):
                graphs.run(torch.ones(1, 1, 4, 4))

    for stream in (torch.cuda.Stream(), torch.cuda.Stream()):
        work(stream)
    assert cuda.races.found


@pytest.mark.parametrize("waits", [True, False])
def test_a_graph_that_makes_room_has_finished(monkeypatch, cuda, waits):
    if not waits:  # the test can fail
        monkeypatch.setattr(eager._Graph, "wait", lambda graph: None)
    graphs, enough = eager._Graphs(Double()), eager.RUNS_BEFORE_CAPTURE + 1
    one, other = torch.cuda.Stream(), torch.cuda.Stream()
    with cuda.watching(), torch.inference_mode():
        with cuda.on_stream(one):
            for size in range(1, eager.MAX_GRAPHS + 1):
                for _ in range(enough):
                    graphs.run(torch.ones(1, 1, size, size))
        with cuda.on_stream(other):
            for size in range(1, eager.MAX_GRAPHS + 1):
                graphs.run(torch.ones(1, 1, size, size))
        with cuda.on_stream(one):
            for _ in range(enough):
                graphs.run(torch.ones(1, 1, 9, 9))
    assert bool(cuda.races.found) != waits, cuda.races.found


def test_a_graph_is_captured_on_a_stream_of_its_own_device(monkeypatch, cuda):
    given, graph = [], torch.cuda.graph

    def capture(captured, **options):
        given.append(options)
        return graph(captured, **options)

    monkeypatch.setattr(torch.cuda, "graph", capture)
    with cuda.watching(), torch.inference_mode():
        eager._Graph(Double(), torch.ones(1, 1, 4, 4))
    # With none given PyTorch takes one of whichever device captured first.
    assert [type(options["stream"]).__name__ for options in given] == ["Stream"]
    assert given[0]["capture_error_mode"] == "thread_local"


class SeesSettings(nn.Module):
    def forward(self, frames):
        self.seen.append(torch.backends.cudnn.benchmark)
        return 2 * frames


def test_kernels_are_compared_for_a_graph_alone(cuda):
    network = SeesSettings()
    network.seen = []
    with cuda.watching(), torch.inference_mode():
        eager._Graph(network, torch.ones(1, 1, 4, 4))
    assert network.seen == [True] * (eager.WARM_UP_RUNS + 1)
    assert not torch.backends.cudnn.benchmark


class ReadsAValue(nn.Module):
    """It cannot be captured: the host would have to wait for the device."""

    def forward(self, frames):
        return frames * float(frames.max())


def test_what_cannot_be_captured_goes_on_without_graphs(cuda, caplog):
    graphs = eager._Graphs(ReadsAValue())
    frames = torch.full((1, 1, 4, 4), 3.0)
    with cuda.watching(), torch.inference_mode(), caplog.at_level(logging.WARNING):
        for _ in range(2 * eager.RUNS_BEFORE_CAPTURE):
            assert torch.equal(graphs.run(frames), 3 * frames)
        assert torch.cuda.current_stream() is torch.cuda.default_stream()
    assert not graphs._graphs
    (message,) = caplog.messages
    assert message.endswith("could not be made: operation not permitted when stream is capturing")


@pytest.mark.needs_gpu
def test_a_graph_gives_what_the_network_gives(make_source, cache):
    device = torch.device("cuda", 0)
    source = make_source()
    network = compile_network(source, "eager", device, torch.float32, cache)
    for _ in range(2 * eager.RUNS_BEFORE_CAPTURE):
        frames = torch.rand(1, 5, 16, 16, device=device)
        with torch.inference_mode():
            torch.testing.assert_close(network(frames), source.module(frames), rtol=1e-3, atol=1e-3)
