"""Loading a restorer: once a process, from given or packaged weights, or not at all."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from vsdeblur.errors import DeviceError, OptionError, WeightsError
from vsdeblur.manifest import load_manifest
from vsdeblur.models import MODELS
from vsdeblur.restorers import load_restorer, loading
from vsdeblur.runtime.weights import save_weights

FAST = MODELS["dblrgan"]["fast"]


@pytest.fixture
def loads(monkeypatch):
    """An empty network cache, and the list of files read into it."""
    files, load_network = [], loading.load_network

    def counted(build, path, **options):
        files.append(path)
        return load_network(build, path, **options)

    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "load_network", counted)
    return files


def save_fast(path, state):
    save_weights(path, state, filter_name="dblrgan", model="fast")


def test_network_is_loaded_once_for_the_same_arguments(load, loads):
    window = torch.rand(5, 1, 16, 24)
    first, second = load().restore(window), load(tile=(640, 640)).restore(window)
    assert len(loads) == 1
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_network_is_loaded_once_when_threads_ask_together(load, loads):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: load(), range(8)))
    assert len(loads) == 1


def test_network_is_loaded_anew_for_another_precision_or_model(load, loads):
    load(), load(precision="bf16"), load("paper")
    assert len(loads) == 3


def test_network_is_loaded_anew_when_its_file_changes(load, loads, tmp_path):
    path = tmp_path / "w.safetensors"
    network = FAST.build()
    outputs = []
    for bias in (0.1, 0.2):
        torch.nn.init.constant_(network.head.bias, bias)
        save_fast(path, network.state_dict())
        outputs.append(load(weights=path).restore(torch.full((5, 1, 16, 16), 0.5)))
    assert len(loads) == 2
    assert (outputs[1] - outputs[0]).min() > 0.05


# The model "auto"


@pytest.fixture
def with_quality(monkeypatch):
    """As if the weights of "quality" were shipped, or not."""

    def with_quality(weights):
        facts = load_manifest().filter("dblrgan")
        quality = dataclasses.replace(facts.models["quality"], weights=weights, auto_on="cuda")
        return dataclasses.replace(facts, models=facts.models | {"quality": quality})

    return with_quality


@pytest.mark.parametrize(
    ("device", "weights", "model"),
    [
        ("cpu", Path("w"), "fast"),
        ("cuda", Path("w"), "quality"),
        ("cuda", None, "fast"),
        ("cpu", None, "fast"),
    ],
)
def test_auto_takes_quality_on_a_gpu_once_it_has_weights(
    monkeypatch, with_quality, device, weights, model
):
    said = []
    monkeypatch.setattr(loading, "announce", said.append)
    chosen = loading._chosen_model(with_quality(weights), "auto", None, torch.device(device))
    assert chosen.name == model
    assert len(said) == (weights is not None)
    assert all(line.startswith(f"model: {model} on {device}") for line in said)


def test_auto_takes_the_model_that_weights_are_of(weights_files, with_quality):
    facts = with_quality(Path("w"))
    for model, path in weights_files.items():
        chosen = loading._chosen_model(facts, "auto", path, torch.device("cuda"))
        assert chosen.name == model


# Packaged weights and refusals


def test_packaged_weights_are_used_where_none_are_given(packaged, loads, tmp_path):
    path = tmp_path / "packaged.safetensors"
    save_fast(path, FAST.build().state_dict())
    packaged(path, None)
    load_restorer("dblrgan", device="cpu")
    assert loads == [path]


def test_packaged_weights_of_another_hash_are_refused(packaged, loads, tmp_path):
    path = tmp_path / "packaged.safetensors"
    save_fast(path, FAST.build().state_dict())
    packaged(path, "0" * 64)
    with pytest.raises(WeightsError, match=r"has sha256 \w{64}, expected 0{64}; reinstall"):
        load_restorer("dblrgan", device="cpu")


def test_model_without_packaged_weights_says_what_to_do(packaged):
    packaged(None, None)
    with pytest.raises(WeightsError) as error:
        load_restorer("dblrgan", device="cpu")
    assert str(error.value) == (
        "no weights are shipped for model 'fast' yet; train it and give the file as "
        "weights=FILE, or use another model"
    )


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"model": "slow"},
            OptionError,
            "unknown model 'slow'; choose one of: auto, fast, ",
        ),
        ({"device": "gpu"}, OptionError, "unknown device 'gpu'; choose one of: auto, cpu, "),
        ({"precision": "int8"}, OptionError, "unknown precision 'int8'; choose one of: auto, "),
        ({"backend": "onnx"}, OptionError, "unknown backend 'onnx'; choose one of: auto, "),
        ({"tile": 640}, OptionError, "tile must be a pair (width, height) of whole numbers"),
        (
            {"device": "cpu", "precision": "fp16"},
            DeviceError,
            "precision 'fp16' is not available on the CPU; ",
        ),
        ({"device": "cuda:999"}, DeviceError, "device 'cuda:999' is not available: "),
        ({"weights": "nowhere"}, WeightsError, "no weights file 'nowhere'; check the path"),
    ],
)
def test_what_cannot_be_loaded_is_refused(options, error, text):
    with pytest.raises(error) as refusal:
        load_restorer("dblrgan", **options)
    assert str(refusal.value).startswith(text)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("brmr", {"regions": 0}, "regions must be a whole number from 1 to 64, got 0"),
        ("brmr", {"sigma": 2}, "unknown parameter 'sigma'; choose one of: max_iterations, "),
        (
            "dblrgan",
            {"regions": 2},
            "unknown parameter 'regions'; choose one of: model, guard, skip_sharp, strength, tta, ",
        ),
        ("dblrgan", {"scene_threshold": 0.1}, "scene_threshold is the front end's: "),
        ("sequence", {"scene_threshold": 0.1}, "scene_threshold is the front end's: "),
    ],
)
def test_what_the_filter_does_not_have_is_refused(name, options, text):
    with pytest.raises(OptionError) as error:
        load_restorer(name, **options)
    assert str(error.value).startswith(text)


def test_the_filters_own_parameters_are_handed_on(small_weights):
    weights = small_weights("brmr", "fast")
    restorer = load_restorer("brmr", device="cpu", weights=weights, regions=3, seed=5)
    assert (restorer.options.regions, restorer.options.seed) == (3, 5)
    with pytest.raises(WeightsError):
        load_restorer("brmr", device="cpu", weights="nowhere")


def test_unknown_filter_is_refused():
    with pytest.raises(OptionError, match=r"^unknown filter 'sharpen'; choose one of: dblrgan"):
        load_restorer("sharpen")
