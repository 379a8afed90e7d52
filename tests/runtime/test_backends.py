"""Every backend that this machine can run gives what the network itself gives."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vsdeblur.errors import EngineError, OptionError
from vsdeblur.runtime.backends import inductor
from vsdeblur.runtime.backends.inductor import inductor_obstacle
from vsdeblur.runtime.compile import BACKENDS, compile_network

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
NAMES = [
    "dblrgan", "sequence", "sequence-tile",
    "brmr-image", "brmr-residual", "brmr-fast", "brmr-refiner", "brmr-critic",
]  # fmt: skip
FLOAT32_OUT = ("brmr-fast", "brmr-refiner", "brmr-critic")
"""Networks whose result is float32 at any precision."""
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.06, torch.float16: 0.01}
"""Root mean square of the difference, as a share of that of the result."""

places = pytest.mark.parametrize(
    ("device", "dtype"),
    [
        pytest.param(CPU, torch.float32, id="cpu-fp32"),
        pytest.param(CPU, torch.bfloat16, id="cpu-bf16"),
        pytest.param(CUDA, torch.float32, id="cuda-fp32", marks=pytest.mark.needs_gpu),
        pytest.param(CUDA, torch.float16, id="cuda-fp16", marks=pytest.mark.needs_gpu),
    ],
)
# It compiles for a minute, and Python 3.13.0 makes PyTorch warn.
INDUCTOR = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Guards may run slower")]
# Each network is exported for seconds.
MARKS = {"inductor": INDUCTOR, "openvino": pytest.mark.slow}
backends = pytest.mark.parametrize(
    "backend", [pytest.param(b, marks=MARKS.get(b, ())) for b in BACKENDS]
)


@pytest.fixture
def compiled(cache, make_source):
    """Compiles a small network; skips where the backend cannot run, saying why."""

    def compiled(name, backend, device, dtype):
        reason = BACKENDS[backend].obstacle(device, dtype)
        if reason is not None:
            pytest.skip(f"{backend} on {device}: {reason}")
        source = make_source(name)
        module = copy.deepcopy(source.module)
        return compile_network(source, backend, device, dtype, cache), module

    return compiled


def assert_close(result, expected, dtype):
    difference = (result.float().cpu() - expected).square().mean().sqrt()
    assert difference <= TOLERANCE[dtype] * expected.square().mean().sqrt()


@backends
@places
@pytest.mark.parametrize("name", NAMES)
def test_a_backend_gives_what_the_network_gives_at_any_size(compiled, backend, device, dtype, name):
    network, module = compiled(name, backend, device, dtype)
    numbers = {"dblrgan": 5, "sequence": 1, "sequence-tile": 1, "brmr-critic": 6, "brmr-refiner": 6}
    channels = numbers.get(name, 3)
    for shape in ((1, channels, 32, 24), (2, channels, 16, 40), (1, channels, 32, 24)):
        frames = torch.rand(shape)
        result = network(frames.to(device))
        gives_float32 = name in FLOAT32_OUT or backend.startswith("openvino")
        assert result.dtype == (torch.float32 if gives_float32 else dtype)
        assert result.device == device
        assert not result.requires_grad
        assert_close(result, module(frames), dtype)


@backends
@places
def test_results_are_the_callers(compiled, backend, device, dtype):
    network, module = compiled("dblrgan", backend, device, dtype)
    first, second = torch.rand(2, 1, 5, 16, 16)
    kept = network(first.to(device))
    network(second.to(device))
    assert_close(kept, module(first), dtype)


@backends
@places
def test_a_backend_may_be_called_from_any_thread(compiled, backend, device, dtype):
    network, module = compiled("dblrgan", backend, device, dtype)
    frames = torch.rand(12, 1, 5, 16, 16)

    def run(number):
        if device.type == "cpu":
            return network(frames[number])
        with torch.cuda.stream(torch.cuda.Stream()):
            result = network(frames[number].to(device))
            torch.cuda.current_stream().synchronize()
            return result

    with ThreadPoolExecutor(4) as pool:
        for number, result in enumerate(pool.map(run, range(12))):
            assert_close(result, module(frames[number]), dtype)


@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt_rtx"])
def test_a_backend_asked_for_by_name_is_taken_or_refused(cache, make_source, backend):
    with pytest.raises(EngineError, match=rf"^backend '{backend}' is not available on cpu: \w+"):
        compile_network(make_source(), backend, CPU, torch.float32, cache)


def test_an_unknown_backend_is_refused(cache, make_source):
    with pytest.raises(OptionError) as error:
        compile_network(make_source(), "onnx", CPU, torch.float32, cache)
    assert str(error.value) == (
        "unknown backend 'onnx'; choose one of: auto, tensorrt_rtx, tensorrt, openvino, eager, "
        "inductor, openvino:GPU, openvino:NPU"
    )


def test_inductor_names_the_compiler_that_is_missing(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    reason = inductor_obstacle(CPU, torch.float32)
    assert reason == "needs a C++ compiler: install one of no-such-compiler"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Guards may run slower")
@pytest.mark.skipif(inductor_obstacle(CPU, torch.float32) is not None, reason="no C++ compiler")
def test_inductor_says_which_network_it_cannot_compile(cache, make_source, monkeypatch):
    class Refused(torch.nn.Module):
        def forward(self, frames):
            torch._dynamo.graph_break()
            return frames

    network = compile_network(
        make_source("odd", Refused(), 5), "inductor", CPU, torch.float32, cache
    )
    with pytest.raises(
        EngineError, match=r"^inductor could not compile odd: .*use backend='eager'"
    ):
        network(torch.rand(1, 5, 8, 8))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no such operation", "no such operation"),
        (
            "backend='inductor' raised:\nAttributeError: x\n\nhint",
            "backend='inductor' raised: AttributeError: x",
        ),
        ("\nraised:\n", "raised:"),
    ],
)
def test_inductor_says_why_it_cannot_compile(text, reason):
    assert inductor._reason(RuntimeError(text)) == reason


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize(
    ("name", "kept"),
    [("brmr-fast", True), ("sequence", True), ("sequence-tile", True), ("dblrgan", False)],
)
def test_what_is_measured_is_not_rounded_first(make_source, name, kept, dtype):
    assert make_source(name).input_dtype(dtype) is (torch.float32 if kept else dtype)


def test_eager_measures_blur_in_float32(cache, make_source):
    source = make_source("sequence")
    seen = []
    source.module.blur_code.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    frames = 0.5 + torch.rand(1, 1, 32, 32) / 512  # bfloat16 knows two values there
    compile_network(source, "eager", CPU, torch.bfloat16, cache)(frames)
    assert torch.equal(seen[0], frames)
