"""Engines of TensorRT for RTX: built here without a GPU; run with a stand-in for the library."""

import ctypes
import itertools
from pathlib import Path

import pytest
import torch
from simulated_cuda.device import SimulatedCUDA
from simulated_cuda.stand_ins import Event

from vsdeblur.errors import EngineError
from vsdeblur.models import MODELS
from vsdeblur.runtime.backends import tensorrt_rtx, tensorrt_rtx_build, tensorrt_rtx_engine
from vsdeblur.runtime.backends.onnx import INPUT, OUTPUT, onnx_model
from vsdeblur.runtime.backends.self_test import check_by_trial
from vsdeblur.runtime.backends.tensorrt_rtx import engine_file
from vsdeblur.runtime.backends.tensorrt_rtx_build import build_engine, build_obstacle
from vsdeblur.runtime.compile import is_current

PRECISIONS = [torch.float16, torch.bfloat16, torch.float32]
LARGE = {("brmr", "paper"), ("sequence", "paper")}
GENERATORS = [
    pytest.param(
        name, model, part, channels, dtype,
        id="-".join(filter(None, (name, model, part, str(dtype).removeprefix("torch.")))),
        # G_p has the layers of G_i; other precisions change the types alone; to export some of the
        # models "paper" takes ten seconds.
        marks=(
            pytest.mark.slow
            if part == "g_patch" or dtype != torch.float16 or (name, model) in LARGE
            else ()
        ),
    )
    for name, models in MODELS.items()
    for model, spec in models.items()
    for part, channels in zip(spec.parts, spec.channels_in, strict=True)
    for dtype in PRECISIONS
]  # fmt: skip

needs_library = pytest.mark.skipif(build_obstacle() is not None, reason=str(build_obstacle()))


# Building


@needs_library
@pytest.mark.parametrize(("name", "model", "part", "channels", "dtype"), GENERATORS)
def test_an_engine_of_every_generator_is_built_without_a_gpu(name, model, part, channels, dtype):
    spec = MODELS[name][model]
    network = spec.fold(spec.build()).network.get_submodule(part)
    weights = sum(p.numel() * dtype.itemsize for p in network.parameters())
    step = 1 if spec.pads_itself else spec.multiple_of
    engine = build_engine(onnx_model(network, channels, dtype, {}), step)
    assert len(engine) > weights


@needs_library
def test_an_engine_is_built_once_and_for_each_precision(make_source, cache):
    first = engine_file(make_source(), torch.float16, cache)
    written = first.stat().st_mtime_ns
    assert engine_file(make_source(), torch.float16, cache) == first
    assert first.stat().st_mtime_ns == written
    assert engine_file(make_source(), torch.float32, cache) != first
    entries = [entry.key for entry in cache.entries()]
    assert all(is_current(key) for key in entries)
    keys = [key for key in entries if key["backend"] == "tensorrt_rtx"]
    assert len(entries) == 2 * len(keys)  # and the models that they were built from
    assert {key["precision"] for key in keys} == {"float16", "float32"}
    assert not is_current(keys[0] | {"tensorrt_rtx": "0.1"})
    assert not is_current({})


@needs_library
def test_engines_for_whole_frames_and_for_tiles_are_both_kept(make_source, cache):
    whole = engine_file(make_source("brmr-fast"), torch.float16, cache)
    tiles = engine_file(make_source("brmr-tile"), torch.float16, cache)
    assert whole != tiles
    assert whole.is_file()
    assert tiles.is_file()


@needs_library
def test_a_model_that_is_none_is_refused():
    with pytest.raises(EngineError, match=r"^TensorRT cannot read the model: \w+"):
        build_engine(b"no model")


def test_without_the_library_the_cure_is_named(monkeypatch, make_source, cache):
    monkeypatch.setattr(tensorrt_rtx_build, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"tensorrt-rtx is not installed: pip install"):
        engine_file(make_source(), torch.float16, cache)


# Running, with memory of the CPU and a library that copies the middle frame


class Context:
    """Stands in for `IExecutionContext`: gives the middle one of five frames."""

    def __init__(self, cuda):
        self.cuda = cuda
        self.addresses, self.shape, self.runs, self.streams = {}, None, 0, []
        self.scratch = (0, 0)

    def set_input_shape(self, name, shape):
        self.shape = shape
        return max(shape[2:]) <= 64 and shape[0] <= 16

    def infer_shapes(self):
        return []

    def update_device_memory_size_for_shapes(self):
        return 100 * self.shape[0]

    def set_device_memory(self, address, size):
        self.scratch = (address, address + size)

    def get_tensor_shape(self, name):
        assert name == OUTPUT
        return (self.shape[0], 1, *self.shape[2:])

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        self.runs += 1
        assert self.scratch[1] - self.scratch[0] == 100 * self.shape[0]
        self.streams.append(stream)
        plane = 2 * self.shape[2] * self.shape[3]
        start, target = self.addresses[INPUT], self.addresses[OUTPUT]
        self.cuda.launch(
            [(start, start + 5 * plane * self.shape[0])],
            [(target, target + plane * self.shape[0]), self.scratch],
            "the engine",
            self.cuda.streams[stream],
        )
        for number in range(self.shape[0]):
            source = self.addresses[INPUT] + (5 * number + 2) * plane
            ctypes.memmove(self.addresses[OUTPUT] + number * plane, source, plane)
        return True


class Kernels:
    def __init__(self):
        self.saved = 0

    def save(self):
        self.saved += 1


@pytest.fixture
def engine(monkeypatch):
    """An engine whose library is a stand-in; `cuda` is the device."""
    cuda = SimulatedCUDA()
    cuda.install(monkeypatch)
    engine = object.__new__(tensorrt_rtx_engine.Engine)
    engine._device, engine._dtype, engine._output = torch.device("cpu"), torch.half, torch.half
    engine._contexts, engine._lock = {}, tensorrt_rtx_engine.Lock()
    engine._config, engine._kernels = None, Kernels()
    engine.made = []

    class Library:
        def create_execution_context(self, config):
            engine.made.append(Context(cuda))
            return engine.made[-1]

    engine._engine = Library()
    engine.cuda = cuda
    return engine


def test_frames_go_in_and_the_result_comes_out(engine):
    for shape in ((1, 5, 8, 12), (3, 5, 8, 12), (1, 5, 16, 4)):
        frames = torch.rand(shape).to(memory_format=torch.channels_last)
        assert torch.equal(engine.run(frames), frames[:, 2:3].half())


def test_the_kernels_of_a_shape_are_kept_once(engine):
    for size in (8, 8, 12, 8, 12):
        engine.run(torch.rand(1, 5, 8, size))
    assert engine._kernels.saved == 2


def test_large_batches_are_run_in_parts(engine):
    frames = torch.rand(37, 5, 8, 8)
    assert torch.equal(engine.run(frames), frames[:, 2:3].half())
    assert engine.made[0].runs == 3


def run_in_threads(engine, sizes, *, waits=True):
    """Each thread runs frames of all sizes on a stream of its own."""

    def work(stream):
        with engine.cuda.on_stream(stream):
            for size in sizes:
                frames = torch.rand(1, 5, 8, size)
                result = engine.run(frames)
                if waits:
                    stream.synchronize()
                assert torch.equal(result, frames[:, 2:3].half())

    streams = [torch.cuda.Stream() for _ in range(3)]
    engine.cuda.run_threads(*[lambda stream=stream: work(stream) for stream in streams])


def test_each_stream_has_a_context_of_its_own(engine):
    run_in_threads(engine, [8, 12, 8])
    assert [context.runs for context in engine.made] == [3, 3, 3]
    assert engine.cuda.races.found == []


def test_streams_that_share_a_context_race(engine, monkeypatch):
    context = engine._context()
    monkeypatch.setattr(engine, "_context", lambda: context)
    context._aside = None
    run_in_threads(engine, [8, 12, 8], waits=False)
    assert engine.cuda.races.found


def test_on_the_default_stream_it_runs_aside(engine):
    """There the library would wait for the whole device."""
    default = engine.cuda.default_stream
    with engine.cuda.watching():
        for size in (8, 12, 8):
            frames = 2 * torch.rand(1, 5, 8, size)
            assert torch.equal(engine.run(frames) + 1, frames[:, 2:3].half() + 1)
    (context,) = engine.made
    assert default.cuda_stream not in context.streams
    assert len(set(context.streams)) == 1
    assert engine.cuda.races.found == []


@pytest.mark.parametrize("index", [0, 1])
def test_what_runs_aside_waits_and_is_waited_for(engine, monkeypatch, index):
    calls, wait = itertools.count(), Event.wait
    monkeypatch.setattr(
        Event, "wait", lambda event, *more: next(calls) == index or wait(event, *more)
    )
    with engine.cuda.watching():
        result = engine.run(2 * torch.rand(1, 5, 8, 8))
        result.float()
    assert engine.cuda.races.found


def test_a_size_that_no_engine_takes_is_refused(engine, monkeypatch):
    library = type("Trt", (), {"last": "too large"})
    monkeypatch.setattr(tensorrt_rtx_engine, "rtx_logger", lambda: library)
    with pytest.raises(EngineError, match=r"takes frames from 16x16 to 8192x8192, got 80x8"):
        engine.run(torch.rand(1, 5, 8, 80))
    frames = torch.rand(1, 5, 8, 8)
    assert torch.equal(engine.run(frames), frames[:, 2:3].half())  # it goes on working


def test_a_run_that_fails_says_why(engine, monkeypatch):
    library = type("Trt", (), {"last": "out of luck"})
    monkeypatch.setattr(tensorrt_rtx_engine, "rtx_logger", lambda: library)
    monkeypatch.setattr(Context, "execute_async_v3", lambda self, stream: False)
    with pytest.raises(EngineError, match=r"tensorrt_rtx failed: out of luck; use backend='eager'"):
        engine.run(torch.rand(1, 5, 8, 8))


# The trial


def test_a_network_that_gives_what_it_should_passes_the_trial(make_source):
    source = make_source()
    check_by_trial(
        lambda frames: source.module(frames).half(), source, torch.device("cpu"), "example"
    )


@pytest.mark.parametrize("wrong", [torch.zeros_like, lambda x: x * float("nan"), lambda x: 2 * x])
def test_a_network_that_gives_something_else_fails_the_trial(make_source, wrong):
    source = make_source()
    with pytest.raises(EngineError, match="example gives another result than the network dblrgan"):
        check_by_trial(lambda f: wrong(source.module(f)), source, torch.device("cpu"), "example")


def test_a_network_that_cannot_run_fails_the_trial(make_source):
    def broken(frames):
        raise RuntimeError("no kernel\nat line 1")

    with pytest.raises(EngineError, match="cannot run it: no kernel; use backend='eager'"):
        check_by_trial(broken, make_source(), torch.device("cpu"), "example")


@pytest.mark.needs_gpu
def test_kernels_of_the_card_are_kept_beside_the_engine(make_source, cache):
    from vsdeblur.runtime.compile import compile_network

    device = torch.device("cuda", 0)
    reason = tensorrt_rtx.tensorrt_rtx_obstacle(device, torch.float16)
    if reason is not None:
        pytest.skip(reason)
    compile_network(make_source(), "tensorrt_rtx", device, torch.float16, cache)
    assert [Path(p).suffix for p in cache.folder.glob("*.runtime")] == [".runtime"]
