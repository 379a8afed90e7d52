"""Devices, weights files, luma codings, tiles, backends."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vsdeblur.errors import DeviceError, OptionError, WeightsError
from vsdeblur.runtime import device as device_module
from vsdeblur.runtime import weights as weights_module
from vsdeblur.runtime.device import resolve_device, resolve_dtype
from vsdeblur.runtime.weights import load_network, made_for, save_weights, sha256_of

CPU = torch.device("cpu")


# Devices and precisions


@pytest.fixture
def cuda_devices(monkeypatch):
    """Makes torch claim a number of CUDA devices."""

    def claim(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return claim


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cpu", 2, "cpu"),
        ("cuda", 2, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_device_name_becomes_a_device_that_is_here(cuda_devices, name, count, expected):
    cuda_devices(count)
    assert resolve_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("name", "count", "found"),
    [
        ("cuda", 0, "no CUDA device found"),
        ("cuda:0", 0, "no CUDA device found"),
        ("cuda:2", 2, "2 CUDA device(s) found"),
    ],
)
def test_absent_device_is_refused_with_what_is_here(cuda_devices, name, count, found):
    cuda_devices(count)
    with pytest.raises(DeviceError) as error:
        resolve_device(name)
    assert str(error.value) == (
        f"device {name!r} is not available: {found}; use device='cpu' or 'auto', "
        "or run `vsdeblur doctor`"
    )


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:", "cuda:a", "cuda:-1", "cpu:0"])
def test_unknown_device_is_refused(name):
    with pytest.raises(OptionError) as error:
        resolve_device(name)
    assert str(error.value) == (
        f"unknown device {name!r}; choose one of: auto, cpu, cuda, cuda:N (N = 0, 1, ...)"
    )


@pytest.mark.parametrize(
    ("precision", "device", "fast_bf16", "expected"),
    [
        ("auto", "cpu", True, torch.bfloat16),
        ("auto", "cpu", False, torch.float32),
        ("auto", "cuda", False, torch.float16),
        ("fp32", "cuda", False, torch.float32),
        ("fp16", "cuda", False, torch.float16),
        ("bf16", "cpu", False, torch.bfloat16),
    ],
)
def test_precision_becomes_a_dtype(monkeypatch, precision, device, fast_bf16, expected):
    monkeypatch.setattr(device_module, "cpu_has_fast_bf16", lambda: fast_bf16)
    assert resolve_dtype(precision, torch.device(device)) is expected


def test_fp16_on_the_cpu_is_refused():
    with pytest.raises(DeviceError) as error:
        resolve_dtype("fp16", CPU)
    assert str(error.value) == (
        "precision 'fp16' is not available on the CPU; use precision='auto', 'fp32' or 'bf16'"
    )


def test_unknown_precision_is_refused():
    with pytest.raises(OptionError) as error:
        resolve_dtype("int8", CPU)
    assert str(error.value) == "unknown precision 'int8'; choose one of: auto, fp32, fp16, bf16"


# Weights files


def small_network():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 3))


def save(path, network):
    save_weights(path, network.state_dict(), filter_name="dblrgan", model="fast", notes={"a": "b"})
    return path


@pytest.fixture
def weights(tmp_path):
    return save(tmp_path / "w.safetensors", small_network())


def load(path, build=small_network, filter_name="dblrgan", model="fast", **options):
    return load_network(build, path, filter_name=filter_name, model=model, **options)


def test_weights_come_back_in_float32_rounded_to_half(tmp_path):
    network = small_network()
    loaded = load(save(tmp_path / "w.safetensors", network), sha256=None)
    expected = {n: t.half().to(t.dtype) for n, t in network.state_dict().items()}
    torch.testing.assert_close(dict(loaded.state_dict()), expected, rtol=0, atol=0)


def test_weights_with_the_right_hash_are_loaded(weights):
    load(weights, sha256=sha256_of(weights))


def test_saved_weights_lie_alone_in_their_folder(weights):
    assert list(weights.parent.iterdir()) == [weights]


def test_a_failed_save_leaves_the_old_weights(monkeypatch, weights):
    before = weights.read_bytes()

    def fail(state, path, metadata):
        Path(path).write_bytes(b"half a file")
        raise OSError("disk full")

    monkeypatch.setattr(weights_module, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save(weights, small_network())
    assert weights.read_bytes() == before


def test_hash_is_taken_anew_when_the_file_changes(weights):
    before = sha256_of(weights)
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert sha256_of(weights) != before


def expect_refusal(path, text, **options):
    with pytest.raises(WeightsError) as error:
        load(path, **options)
    message = str(error.value)
    assert message.startswith(text)
    assert "\n" not in message
    return message


def test_missing_weights_are_refused(tmp_path):
    path = tmp_path / "none.safetensors"
    message = expect_refusal(path, f"no weights file {str(path)!r}; check the path")
    assert message.endswith("or reinstall vsdeblur")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named_as_such(tmp_path, value):
    network = small_network()
    with torch.no_grad():
        network[2].bias.fill_(value)
    path = save(tmp_path / "w.safetensors", network)
    expect_refusal(path, f"weights file {str(path)!r} holds NaN or infinite values in '2.bias'")


@pytest.mark.parametrize(
    "options",
    [{"widths": []}, {"widths": {}}, {"frames": 10**6}, {"widths": [[10**9]]}, {"widths": [1] * 99},
     {"frames": float("nan")}, {"frames": 0}, {"nonsense": 1}, [1], 3],
)  # fmt: skip
def test_odd_options_are_refused_before_they_take_memory(tmp_path, options):
    def build(widths=(4,), frames=1):
        assert all(isinstance(width, int) and width < 10**4 for width in widths)
        assert frames < 10**4
        nn.Conv2d(8 // frames, widths[0], 3)
        return small_network()

    path = tmp_path / "w.safetensors"
    made_for = {"filter": "dblrgan", "model": "fast", "options": json.dumps(options)}
    save_file(small_network().state_dict(), path, made_for)
    expect_refusal(path, f"weights file {str(path)!r} does not fit model 'fast': ", build=build)


def test_a_folder_is_no_weights_file(tmp_path):
    expect_refusal(tmp_path, f"no weights file {str(tmp_path)!r}; ")


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_truncated_weights_are_refused(weights, keep):
    weights.write_bytes(weights.read_bytes()[:keep])
    message = expect_refusal(
        weights, f"weights file {str(weights)!r} is truncated or not in safetensors format ("
    )
    assert message.endswith("fetch it again")


@pytest.mark.parametrize(
    "content",
    [b"<html>not found</html>" * 100, struct.pack("<Q", 2**60) + b"{}", bytes(4096)],
    ids=["html", "huge header", "zeros"],
)
def test_weights_in_another_format_are_refused(weights, content):
    weights.write_bytes(content)
    expect_refusal(weights, f"weights file {str(weights)!r} is truncated or not in safetensors")


def test_weights_of_another_model_are_refused(weights):
    expect_refusal(
        weights,
        f"weights file {str(weights)!r} is for filter 'dblrgan', model 'fast'; "
        "expected 'dblrgan', 'paper'",
        model="paper",
    )


def test_weights_of_another_filter_are_refused(weights):
    expect_refusal(
        weights,
        f"weights file {str(weights)!r} is for filter 'dblrgan', model 'fast'; "
        "expected 'brmr', 'fast'",
        filter_name="brmr",
    )


def test_weights_that_do_not_say_their_model_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(small_network().state_dict(), path)
    expect_refusal(path, f"weights file {str(path)!r} is for filter None, model None; expected")
    with pytest.raises(WeightsError, match="does not say what it is for"):
        made_for(path)


def test_weights_say_what_they_are_for(weights):
    assert made_for(weights) == ("dblrgan", "fast")


def test_weights_with_another_hash_are_refused(weights):
    message = expect_refusal(
        weights, f"weights file {str(weights)!r} has sha256 {sha256_of(weights)}", sha256="00"
    )
    assert message.endswith("expected 00; reinstall vsdeblur")


@pytest.mark.parametrize(
    "network",
    [nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, 1, 3)), nn.Conv2d(1, 4, 3)],
    ids=["other shapes", "other layers"],
)
def test_weights_of_other_shapes_are_refused(weights, network):
    expect_refusal(
        weights, f"weights file {str(weights)!r} does not fit model 'fast': ", build=lambda: network
    )
