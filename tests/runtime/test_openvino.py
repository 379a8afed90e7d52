"""The openvino backend: what it refuses, keeps and shares; and how `auto` decides on a CPU."""

import copy
import json
import logging

import pytest
import torch

from vsdeblur.errors import EngineError
from vsdeblur.runtime import compile as compile_module
from vsdeblur.runtime import timing
from vsdeblur.runtime.backends import openvino as backend
from vsdeblur.runtime.compile import BACKENDS, Backend, choose, compile_network, is_current

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def needs_openvino():
    reason = backend.openvino_obstacle(CPU, torch.float32)
    if reason is not None:
        pytest.skip(reason)


def test_a_missing_package_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    assert backend.openvino_obstacle(CPU, torch.float32) == (
        "openvino is not installed: pip install 'vsdeblur[openvino]'"
    )


class OneProcessor:
    """In place of OpenVINO's core, on a machine that has two graphics cards."""

    available_devices = ("CPU", "GPU.0", "GPU.1")


def test_a_processor_that_is_not_there_is_refused_with_what_is(monkeypatch):
    monkeypatch.setattr(backend, "find_spec", lambda name: name)
    monkeypatch.setattr(backend, "missing_exporter", lambda: None)
    monkeypatch.setattr(backend, "_core", OneProcessor)
    assert backend.openvino_obstacle(CPU, torch.float32, processor="GPU") is None
    assert backend.openvino_obstacle(CPU, torch.float32, processor="NPU") == (
        "OpenVINO lists no NPU here (CPU, GPU.0, GPU.1): install Intel's NPU driver, "
        "or use backend='openvino' for the CPU"
    )
    assert "device='cpu'" in backend.openvino_obstacle(CUDA, torch.float16)


@pytest.mark.usefixtures("needs_openvino")
def test_a_compiled_model_is_kept_and_found_again(cache, make_source, monkeypatch):
    source = make_source("dblrgan")
    module = copy.deepcopy(source.module)
    compile_network(source, "openvino", CPU, torch.float32, cache)
    kept = [entry for entry in cache.entries() if entry.key["backend"] == "openvino"]
    assert len(kept) == 1
    assert is_current(kept[0].key)

    def exports_again(*_):
        raise AssertionError("exported again")

    monkeypatch.setattr(backend, "onnx_file", exports_again)
    network = compile_network(make_source("dblrgan"), "openvino", CPU, torch.float32, cache)
    frames = torch.rand(1, 5, 16, 24)
    given = frames.clone()
    results = [network(frames) for _ in range(3)]
    assert torch.equal(frames, given)
    assert len({result.data_ptr() for result in results}) == 3
    for result in results:
        assert torch.allclose(result, module(frames), atol=1e-4)


@pytest.mark.usefixtures("needs_openvino")
def test_a_size_that_it_cannot_run_is_an_error_of_one_line(cache, make_source):
    network = compile_network(make_source("dblrgan"), "openvino", CPU, torch.float32, cache)
    with pytest.raises(
        EngineError, match=r"^openvino failed to run dblrgan at 16x16: .*shape.*eager'$"
    ):
        network(torch.rand(1, 4, 16, 16))
    assert network(torch.rand(1, 5, 16, 16)).shape == (1, 1, 16, 16)


class Request:
    """In place of OpenVINO's: fails as it does."""

    def __init__(self, text):
        self._text = text

    def create_infer_request(self):
        return self

    def set_input_tensor(self, tensor):
        raise RuntimeError(f"Exception from src/request.cpp:117:\nCheck failed\n{self._text}\n\n")


def test_errors_tell_the_cause_and_where_memory_ran_out(monkeypatch):
    monkeypatch.setattr(backend, "_view", lambda tensor: tensor)
    with pytest.raises(EngineError) as error:
        backend._Requests(Request("the shape conflicts"), "net").run(torch.zeros(1, 5, 9, 8))
    assert str(error.value) == (
        "openvino failed to run net at 8x9: the shape conflicts; use backend='eager'"
    )
    with pytest.raises(MemoryError, match="bad_alloc"):  # on which tiles are made smaller
        backend._Requests(Request("std::bad_alloc"), "net").run(torch.zeros(1, 5, 9, 8))


# How "auto" decides, with stand-ins


@pytest.fixture
def timed_backends(monkeypatch):
    """Puts stand-ins that take so many seconds; counts what is compiled by which."""
    compiled = []

    def put(**seconds):
        def standing_in(name):
            def compile_it(source, device, dtype, cache):
                if seconds[name] is None:
                    raise EngineError(f"{name} broke")
                compiled.append(name)
                return lambda frames: name

            return Backend(obstacle=lambda *_: None, compile=compile_it)

        monkeypatch.setattr(
            compile_module, "BACKENDS", {name: standing_in(name) for name in seconds}
        )
        monkeypatch.setattr(compile_module, "compile_eager", standing_in("eager").compile)
        monkeypatch.setattr(timing, "timed", lambda work, device: seconds[work()])
        monkeypatch.setattr(timing, "openvino_device_name", lambda: "Example CPU")
        return compiled

    return put


@pytest.mark.parametrize(("openvino", "taken"), [(0.07, "openvino"), (0.09, "eager")])
def test_auto_takes_what_measures_faster_and_says_so(
    timed_backends, make_source, cache, caplog, openvino, taken
):
    caplog.set_level(logging.INFO, "vsdeblur")
    timed_backends(openvino=openvino, eager=0.08)
    network = compile_network(make_source(), "auto", CPU, torch.float32, cache)
    assert network(None) == taken
    said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("backend: ")]
    assert len(said) == 1
    assert f"{taken} on cpu for dblrgan, which measured faster here: " in said[0]
    assert "eager 80" in said[0] or "80 ms" in said[0]


def test_auto_measures_once(timed_backends, make_source, cache):
    compiled = timed_backends(openvino=0.07, eager=0.08)
    for _ in range(2):
        compile_network(make_source(), "auto", CPU, torch.float32, cache)
    assert compiled == ["openvino", "eager", "openvino", "openvino"]
    (entry,) = cache.entries()
    assert entry.key["cpu"].startswith("Example CPU")
    assert json.loads(entry.path.read_text()) == {"openvino": 70.0, "eager": 80.0}
    assert is_current(entry.key)


def test_auto_goes_on_with_eager_where_openvino_breaks(timed_backends, make_source, cache, caplog):
    caplog.set_level(logging.INFO, "vsdeblur")
    timed_backends(openvino=None, eager=0.08)
    network = compile_network(make_source(), "auto", CPU, torch.float32, cache)
    assert network(None) == "eager"
    assert "eager on cpu, because openvino failed: openvino broke" in caplog.text
    assert not list(cache.entries())


def test_auto_never_takes_other_processors(timed_backends):
    timed_backends(openvino=1.0, eager=1.0, **{"openvino:GPU": 0.1})
    choice = choose(CPU, torch.float32)
    assert choice.backend == "openvino"
    assert "measures faster" in choice.others["eager"]
    assert "ask for it by name" in choice.others["openvino:GPU"]


def test_the_processors_are_backends_of_their_own():
    assert {"openvino", "openvino:GPU", "openvino:NPU"} <= BACKENDS.keys()
