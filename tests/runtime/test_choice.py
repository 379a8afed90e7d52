"""What "auto" takes, what it says of it, and that a named backend never gives way."""

import logging
import sys

import pytest
import torch

from vsdeblur.errors import EngineError, OptionError
from vsdeblur.runtime import compile as compile_module
from vsdeblur.runtime.backends import tensorrt, tensorrt_rtx, tensorrt_rtx_build
from vsdeblur.runtime.compile import Backend, choose, compile_network

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def backends(monkeypatch):
    """Puts stand-ins for backends: name -> why not there, or None; and what compiling does."""

    def put(obstacles, failing=()):
        def standing_in(name):
            def compile_it(source, device, dtype, cache):
                if name in failing:
                    raise EngineError(f"{name} broke")
                return lambda frames: name

            return Backend(obstacle=lambda *_: obstacles[name], compile=compile_it)

        table = {name: standing_in(name) for name in obstacles}
        monkeypatch.setattr(compile_module, "BACKENDS", table)
        monkeypatch.setattr(compile_module, "compile_eager", table["eager"].compile)

    return put


def test_auto_takes_the_first_that_works(backends, make_source, cache):
    backends({"tensorrt_rtx": "no card", "tensorrt": None, "eager": None})
    choice = choose(CPU, torch.float32)
    assert choice.backend == "tensorrt"
    assert choice.others["tensorrt_rtx"] == "no card"
    assert choice.others["eager"] == "tensorrt is faster"
    assert compile_network(make_source(), "auto", CPU, torch.float32, cache)(None) == "tensorrt"


def test_auto_never_takes_inductor(backends):
    backends({"tensorrt_rtx": "no", "tensorrt": "no", "eager": None, "inductor": None})
    choice = choose(CPU, torch.float32)
    assert choice.backend == "eager"
    assert "ask for it by name" in choice.others["inductor"]


def test_auto_says_once_what_it_took_and_why(backends, make_source, cache, caplog):
    caplog.set_level(logging.INFO, "vsdeblur")
    backends({"tensorrt_rtx": "no card", "tensorrt": None, "eager": None})
    for _ in range(2):
        compile_network(make_source(), "auto", CPU, torch.float32, cache)
    (record,) = caplog.records
    assert record.getMessage() == (
        "backend: tensorrt on cpu, the best that works here (tensorrt_rtx: no card)"
    )


def test_auto_says_it_when_a_backend_breaks(backends, make_source, cache, caplog):
    caplog.set_level(logging.INFO, "vsdeblur")
    backends({"tensorrt_rtx": None, "tensorrt": "no", "eager": None}, failing=["tensorrt_rtx"])
    network = compile_network(make_source(), "auto", CPU, torch.float32, cache)
    assert network(None) == "eager"
    assert "eager on cpu, because tensorrt_rtx failed: tensorrt_rtx broke" in caplog.text


def test_a_named_backend_that_breaks_does_not_give_way(backends, make_source, cache):
    backends({"tensorrt_rtx": None, "eager": None}, failing=["tensorrt_rtx"])
    with pytest.raises(EngineError, match="tensorrt_rtx broke"):
        compile_network(make_source(), "tensorrt_rtx", CPU, torch.float32, cache)


def test_dropout_takes_eager(backends, make_source, cache):
    backends({"tensorrt_rtx": None, "tensorrt": None, "eager": None})
    source = make_source(dropout=True)
    assert compile_network(source, "auto", CPU, torch.float32, cache)(None) == "eager"
    with pytest.raises(EngineError, match=r"dropout=True needs .* use backend='eager'"):
        compile_network(source, "tensorrt", CPU, torch.float32, cache)


def test_it_is_said_on_stderr_where_nobody_has_set_logging_up(monkeypatch, capsys):
    monkeypatch.setattr(compile_module.log, "hasHandlers", lambda: False)
    for _ in range(2):
        compile_module.announce("chosen")
    assert capsys.readouterr() == ("", "chosen\n")


def test_players_without_stderr_are_left_alone(monkeypatch):
    monkeypatch.setattr(compile_module.log, "hasHandlers", lambda: False)
    monkeypatch.setattr(sys, "stderr", None)
    compile_module.announce("chosen")


# Why a backend cannot run, with a stand-in for the card


@pytest.fixture
def card(monkeypatch):
    """Makes torch claim a CUDA card of a compute capability."""

    def claim(*capability):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Example")

    return claim


def test_tensorrt_rtx_names_the_capability_that_it_lacks(card):
    pytest.importorskip("tensorrt_rtx")
    pytest.importorskip("onnxscript")
    card(9, 0)
    reason = tensorrt_rtx.tensorrt_rtx_obstacle(CUDA, torch.float16)
    assert reason.startswith("NVIDIA Example has compute capability 9.0, TensorRT for RTX has 8.")
    card(8, 9)
    assert tensorrt_rtx.tensorrt_rtx_obstacle(CUDA, torch.float16) is None


def test_a_missing_package_is_named_with_its_cure(monkeypatch, card):
    monkeypatch.setattr(tensorrt_rtx_build, "find_spec", lambda name: None)
    reason = tensorrt_rtx.tensorrt_rtx_obstacle(CUDA, torch.float16)
    assert reason == "tensorrt-rtx is not installed: pip install 'vsdeblur[trt-rtx]'"
    monkeypatch.setattr(tensorrt, "_distribution", lambda: None)
    assert "pip install 'vsdeblur[trt]'" in tensorrt.tensorrt_obstacle(CUDA, torch.float16)


def test_torch_tensorrt_for_another_torch_is_not_imported(monkeypatch):
    monkeypatch.setattr(tensorrt, "_distribution", lambda: ("torch-tensorrt-rtx", "1.2.0"))
    reason = tensorrt.tensorrt_obstacle(CUDA, torch.float16)
    assert reason.startswith("torch-tensorrt-rtx 1.2.0 needs torch 1.2, ")
    assert reason.endswith("pip install 'torch==1.2.*'")


def test_an_unknown_backend_is_an_option_error(make_source, cache):
    with pytest.raises(OptionError):
        compile_network(make_source(), "", CPU, torch.float32, cache)
