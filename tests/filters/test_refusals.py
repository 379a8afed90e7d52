"""What every filter refuses, and in which words."""

import re
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import vapoursynth as vs

import vsdeblur
from vsdeblur.filters import clips
from vsdeblur.manifest import load_manifest
from vsdeblur.models import MODELS
from vsdeblur.registry import RECORDS

FILTERS = load_manifest().filters
TEMPORAL = [name for name, facts in FILTERS.items() if "scene_threshold" in facts.parameters]
every_filter = pytest.mark.parametrize("name", RECORDS)


# Clips


@every_filter
@pytest.mark.parametrize(
    ("clip", "kind"), [(5, "int"), (None, "NoneType"), ([], "list"), ("clip", "str")]
)
def test_what_is_no_clip_is_refused(name, clip, kind):
    with pytest.raises(vs.Error) as error:
        getattr(vsdeblur, name)(clip)
    assert str(error.value) == f"{name}: clip must be a video clip, got {kind}"


@every_filter
def test_an_audio_clip_is_refused(refusal, name):
    text = refusal(name, vs.core.std.BlankAudio(length=10))
    assert text == "clip must be a video clip, got AudioNode"


@every_filter
@pytest.mark.parametrize(
    "facts",
    [
        {"varformat": 1},
        {"varsize": 1},
        {"varformat": 1, "varsize": 1},
    ],
)
def test_a_variable_clip_is_refused(refusal, gray, name, facts):
    assert refusal(name, gray(**facts)) == (
        "clip must have constant format and size, got variable; resize it to one format and size "
        "first"
    )


@every_filter
@pytest.mark.parametrize("other", [{"width": 48}, {"format": vs.RGB24}])
def test_a_clip_spliced_of_unlike_ones_is_refused(refusal, gray, name, other):
    clip = vs.core.std.Splice([gray(), gray(**other)], mismatch=True)
    assert refusal(name, clip).startswith("clip must have constant format and size, got variable; ")


@every_filter
@pytest.mark.parametrize(("width", "height"), [(15, 24), (15, 16), (16, 15), (1, 1)])
def test_a_clip_below_16x16_is_refused(refusal, gray, name, width, height):
    text = refusal(name, gray(width=width, height=height))
    assert text == f"clip must be at least 16x16, got {width}x{height}"


@every_filter
def test_32_bit_integers_are_refused(refusal, gray, name):
    assert refusal(name, gray(format=vs.GRAY32)) == (
        "clip must have 8 to 16 bit integer or floating-point samples, got Gray32"
    )


@every_filter
def test_a_gpu_resident_clip_is_refused(monkeypatch, refusal, name):
    # Making a real one takes a Vulkan device; a stand-in has all that is looked at.
    class Clip:
        format = vs.core.get_video_format(vs.GRAY8)
        width, height, gpu_resident = 32, 24, True

    stand_in = types.SimpleNamespace(**{**vars(vs), "VideoNode": Clip})
    monkeypatch.setattr(clips, "vs", stand_in)
    assert refusal(name, Clip()) == (
        "clip must be in main memory, got a GPU-resident clip; add .std.GPUDownload() first"
    )


# Frames


@every_filter
@pytest.mark.parametrize("video_format", [vs.YUV420P8, vs.GRAYS, vs.RGB24])
@pytest.mark.parametrize(("value", "order"), [(1, "bottom"), (2, "top")])
def test_a_field_based_frame_is_refused(frame_refusal, gray, name, video_format, value, order):
    clip = gray(format=video_format, height=32).std.SetFieldBased(value)
    assert frame_refusal(name, clip) == (
        f"clip must be progressive, got field-based frames ({order} field first); deinterlace it "
        "first, or if it is progressive after all, add .std.SetFieldBased(0)"
    )


@every_filter
def test_a_frame_that_says_it_is_progressive_is_taken(small_options, gray, name):
    filtered = getattr(vsdeblur, name)(gray().std.SetFieldBased(0), **small_options(name))
    assert filtered.get_frame(0).props["_FieldBased"] == 0


@every_filter
def test_a_number_that_is_none_is_refused(frame_refusal, make_clip, name):
    clip = make_clip([[np.full((24, 32), np.nan, "f4")]], vs.GRAYS)
    assert frame_refusal(name, clip) == (
        "the network gave a value that is NaN or infinite; use precision='fp32', and check that "
        "the clip itself holds none"
    )


@every_filter
def test_a_tile_too_small_for_the_model_is_refused(frame_refusal, gray, name):
    text = frame_refusal(name, gray(width=1000), tile=(64, 64))
    assert re.fullmatch(
        r"tile must be at least (\d+)x\1 for this model \(the overlap is \d+ pixels\), got 64x64",
        text,
    )


# Options


@every_filter
@pytest.mark.parametrize("model", ["slow", None])
def test_a_model_that_the_filter_does_not_have_is_refused(refusal, name, model):
    models = ", ".join(load_manifest().filter(name).parameters["model"].choices)
    text = refusal(name, model=model)
    if model is None:
        assert text == f"model must be one of: {models}, got None"
    else:
        assert text == f"unknown model 'slow'; choose one of: {models}"


@every_filter
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"device": "gpu"}, "unknown device 'gpu'; choose one of: auto, cpu, cuda, cuda:N"),
        ({"device": 0}, "device must be one of: auto, cpu, cuda, cuda:N, got 0"),
        (
            {"precision": "int8"},
            "unknown precision 'int8'; choose one of: auto, fp32, fp16, bf16",
        ),
        (
            {"precision": "fp16"},
            "precision 'fp16' is not available on the CPU; use precision='auto', 'fp32' or 'bf16'",
        ),
        (
            {"backend": "onnx"},
            "unknown backend 'onnx'; choose one of: auto, tensorrt_rtx, tensorrt, openvino, eager, "
            "inductor, openvino:GPU, openvino:NPU",
        ),
        *[
            (
                {"tile": tile},
                "tile must be a pair (width, height) of whole numbers above 0 or none, "
                f"got {tile!r}",
            )
            for tile in [640, (640,), (0, 640), (640.0, 640), "640x640"]
        ],
        ({"weights": 5}, "weights must be a text or none, got 5"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused(refusal, name, options, text):
    assert refusal(name, **options) == text


@pytest.mark.parametrize("name", TEMPORAL)
@pytest.mark.parametrize("threshold", [-0.1, 1.1, 2, "0.5", True])
def test_a_scene_threshold_out_of_range_is_refused(refusal, name, threshold):
    assert refusal(name, scene_threshold=threshold) == (
        f"scene_threshold must be a number from 0.0 to 1.0 or none, got {threshold!r}"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is available here")
@every_filter
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_absent_cuda_is_refused(refusal, name, device):
    assert refusal(name, device=device) == (
        f"device {device!r} is not available: no CUDA device found; use device='cpu' or 'auto', "
        "or run `vsdeblur doctor`"
    )


# Weights


@every_filter
def test_missing_weights_are_refused(refusal, name):
    assert refusal(name, weights="nowhere.safetensors") == (
        "no weights file 'nowhere.safetensors'; check the path, or reinstall vsdeblur"
    )


@every_filter
def test_truncated_weights_are_refused(refusal, small_options, tmp_path, name):
    path = tmp_path / "w.safetensors"
    path.write_bytes(Path(small_options(name)["weights"]).read_bytes()[:-100])
    text = refusal(name, weights=str(path))
    assert text.startswith(f"weights file {str(path)!r} is truncated or not in safetensors format")


@every_filter
@pytest.mark.parametrize("made_for", [(n, m) for n, models in MODELS.items() for m in models])
def test_weights_of_another_model_are_refused(refusal, small_weights, name, made_for):
    path = small_weights(*made_for)
    for model in MODELS[name]:
        if (name, model) != made_for:
            assert refusal(name, model=model, weights=path) == (
                f"weights file {path!r} is for filter {made_for[0]!r}, model {made_for[1]!r}; "
                f"expected {name!r}, {model!r}"
            )


@every_filter
def test_packaged_weights_of_another_hash_are_refused(refusal, packaged, small_options, name):
    path = small_options(name)["weights"]
    packaged(Path(path), "0" * 64, name)
    text = refusal(name, weights=None)
    assert text.startswith(f"weights file {path!r} has sha256 ")
    assert text.endswith(f", expected {'0' * 64}; reinstall vsdeblur")


@pytest.mark.parametrize(
    ("name", "model"), [(n, m) for n, models in MODELS.items() for m in models]
)
def test_a_model_without_packaged_weights_says_what_to_do(refusal, packaged, name, model):
    packaged(None, None, name, model)
    assert refusal(name, model=model, weights=None) == (
        f"no weights are shipped for model {model!r} yet; train it and give the file as "
        "weights=FILE, or use another model"
    )
