"""What the filter `brmr` refuses, and in which words."""

from pathlib import Path

import pytest
import torch
import vapoursynth as vs

from vsdeblur import brmr, load_restorer
from vsdeblur.errors import DeblurError, OptionError, WeightsError
from vsdeblur.manifest import load_manifest
from vsdeblur.models import MODELS
from vsdeblur.runtime.weights import save_weights


def gray(**facts):
    facts = {"format": vs.GRAY8, "width": 32, "height": 24, "length": 3} | facts
    return vs.core.std.BlankClip(**facts)


@pytest.fixture
def refusal(brmr_weights):
    """The text with which the filter refuses a clip or an option."""

    def refusal(clip=None, **options):
        clip = gray() if clip is None else clip
        options = {"device": "cpu", "precision": "fp32", "weights": brmr_weights} | options
        with pytest.raises(vs.Error) as error:
            brmr(clip, **options)
        assert isinstance(error.value.__cause__, DeblurError)
        text = str(error.value)
        assert text.startswith("brmr: ")
        assert "\n" not in text
        return text.removeprefix("brmr: ")

    return refusal


def frame_refusal(clip, **options):
    """The last line of the error with which a frame is refused."""
    with pytest.raises(vs.Error) as error:
        brmr(clip, device="cpu", **options).get_frame(0)
    return str(error.value).splitlines()[-1]


@pytest.mark.parametrize(("clip", "name"), [(5, "int"), (None, "NoneType"), ([], "list")])
def test_what_is_no_clip_is_refused(clip, name):
    with pytest.raises(vs.Error) as error:
        brmr(clip)
    assert str(error.value) == f"brmr: clip must be a video clip, got {name}"


@pytest.mark.parametrize("facts", [{"varformat": 1}, {"varsize": 1}])
def test_a_variable_clip_is_refused(refusal, facts):
    assert refusal(gray(**facts)) == (
        "clip must have constant format and size, got variable; resize it to one format and size "
        "first"
    )


def test_a_clip_below_16x16_is_refused(refusal):
    assert refusal(gray(width=15)) == "clip must be at least 16x16, got 15x24"


def test_32_bit_integers_are_refused(refusal):
    assert refusal(gray(format=vs.GRAY32)) == (
        "clip must have 8 to 16 bit integer or floating-point samples, got Gray32"
    )


@pytest.mark.parametrize("output", ["restored", "heatmap"])
@pytest.mark.parametrize("video_format", [vs.YUV420P8, vs.GRAYS, vs.RGB24])
def test_a_field_based_frame_is_refused(brmr_weights, video_format, output):
    clip = gray(format=video_format, height=30).std.SetFieldBased(2)
    text = frame_refusal(clip, weights=brmr_weights, output=output)
    assert text.endswith(
        "brmr: clip must be progressive, got field-based frames (top field first); "
        "deinterlace it first, or if it is progressive after all, add .std.SetFieldBased(0)"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_iterations": -1}, "max_iterations must be a whole number from 0 to 256, got -1"),
        ({"max_iterations": 1.5}, "max_iterations must be a whole number from 0 to 256, got 1.5"),
        ({"regions": 0}, "regions must be a whole number from 1 to 64, got 0"),
        ({"feather": 65}, "feather must be a whole number from 0 to 64, got 65"),
        ({"dropout": 1}, "dropout must be true or false, got 1"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2147483647, got -1"),
        (
            {"output": "map"},
            "unknown output 'map'; choose one of: restored, heatmap, mask, overlay",
        ),
        ({"skip_above": 2}, "skip_above must be a number from 0.0 to 1.0 or none, got 2"),
        ({"strength": 1.1}, "strength must be a number from 0.0 to 1.0, got 1.1"),
        ({"strength": None}, "strength must be a number from 0.0 to 1.0, got None"),
        ({"model": "slow"}, "unknown model 'slow'; choose one of: fast, paper"),
        ({"device": "gpu"}, "unknown device 'gpu'; choose one of: auto, cpu, cuda, cuda:N"),
        (
            {"backend": "onnx"},
            "unknown backend 'onnx'; choose one of: auto, tensorrt_rtx, tensorrt, eager, inductor",
        ),
        (
            {"precision": "fp16"},
            "precision 'fp16' is not available on the CPU; use precision='auto', 'fp32' or 'bf16'",
        ),
        (
            {"tile": 640},
            "tile must be a pair (width, height) of whole numbers above 0 or none, got 640",
        ),
    ],
)
def test_option_that_is_not_allowed_is_refused(refusal, options, text):
    assert refusal(**options) == text


def test_a_tile_too_small_for_the_model_is_refused(brmr_weights):
    text = frame_refusal(gray(width=700), tile=(256, 256), weights=brmr_weights)
    assert "brmr: tile must be at least 288x288 for this model (the overlap is 144 pixels)" in text


def test_a_number_that_is_none_is_refused(brmr_weights, make_clip):
    planes = [torch.full((24, 32), float("nan")).numpy()]
    text = frame_refusal(make_clip([planes], vs.GRAYS), weights=brmr_weights)
    assert "brmr: the network gave a value that is NaN or infinite; use precision='fp32'" in text


# Weights


@pytest.mark.parametrize("model", ["fast", "paper"])
def test_a_model_without_packaged_weights_says_what_to_do(model, monkeypatch):
    facts = load_manifest().filter("brmr")
    bare = type(facts.models[model])(name=model, summary="")
    monkeypatch.setitem(facts.models, model, bare)
    with pytest.raises(vs.Error) as error:
        brmr(gray(), model=model)
    assert str(error.value) == (
        f"brmr: no weights are shipped for model {model!r} yet; train it and give the file as "
        "weights=FILE, or use another model"
    )


def test_missing_weights_are_refused(refusal):
    text = "no weights file 'nowhere.safetensors'; check the path, or reinstall vsdeblur"
    assert refusal(weights="nowhere.safetensors") == text


def test_truncated_weights_are_refused(refusal, brmr_weights, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(Path(brmr_weights).read_bytes()[:-100])
    text = refusal(weights=str(path))
    assert text.startswith(f"weights file {str(path)!r} is truncated or not in safetensors format")


def test_weights_of_another_filter_are_refused(refusal, fast_weights):
    assert refusal(weights=fast_weights) == (
        f"weights file {fast_weights!r} is for filter 'dblrgan', model 'fast'; "
        "expected 'brmr', 'fast'"
    )


def test_weights_without_one_of_the_networks_are_refused(refusal, tmp_path):
    state = MODELS["brmr"]["fast"].build().state_dict()
    state = {name: tensor for name, tensor in state.items() if not name.startswith("g_patch.")}
    path = tmp_path / "w.safetensors"
    save_weights(path, state, filter_name="brmr", model="fast", notes={})
    text = refusal(weights=str(path))
    assert text.startswith(f"weights file {str(path)!r} does not fit model 'fast': ")
    assert "g_patch" in text


# From Python


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("brmr", {"regions": 0}, "regions must be a whole number from 1 to 64, got 0"),
        ("brmr", {"sigma": 2}, "unknown parameter 'sigma'; choose one of: max_iterations, "),
        (
            "dblrgan",
            {"regions": 2},
            "unknown parameter 'regions'; choose one of: model, guard, num_streams, ",
        ),
        ("dblrgan", {"scene_threshold": 0.1}, "scene_threshold is the front end's: "),
    ],
)
def test_load_restorer_refuses_what_the_filter_does_not_have(name, options, text):
    with pytest.raises(OptionError) as error:
        load_restorer(name, **options)
    assert str(error.value).startswith(text)


def test_load_restorer_hands_on_the_filters_own_parameters(brmr_weights):
    restorer = load_restorer("brmr", device="cpu", weights=brmr_weights, regions=3, seed=5)
    assert (restorer.options.regions, restorer.options.seed) == (3, 5)
    assert (restorer.radius, restorer.multiplier, restorer.channels) == (0, 1, 3)
    with pytest.raises(WeightsError):
        load_restorer("brmr", device="cpu", weights="nowhere")
