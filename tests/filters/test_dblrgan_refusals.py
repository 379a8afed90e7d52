"""What the VapourSynth filter refuses, and in which words."""

import types
from pathlib import Path

import pytest
import torch
import vapoursynth as vs

from vsdeblur import dblrgan
from vsdeblur.errors import DeblurError, UnsupportedClipError
from vsdeblur.filters import clips as planes


def gray(**facts):
    facts = {"format": vs.GRAY8, "width": 32, "height": 24, "length": 3} | facts
    return vs.core.std.BlankClip(**facts)


@pytest.fixture
def refusal(fast_weights):
    """The text with which the filter refuses a clip or an option."""

    def refusal(clip=None, **options):
        clip = gray() if clip is None else clip
        options = {"device": "cpu", "precision": "fp32", "weights": fast_weights} | options
        with pytest.raises(vs.Error) as error:
            dblrgan(clip, **options)
        assert isinstance(error.value.__cause__, DeblurError)
        text = str(error.value)
        assert text.startswith("dblrgan: ")
        assert "\n" not in text
        return text.removeprefix("dblrgan: ")

    return refusal


# Clips


@pytest.mark.parametrize(
    ("clip", "name"), [(5, "int"), (None, "NoneType"), ([], "list"), ("clip", "str")]
)
def test_what_is_no_clip_is_refused(clip, name):
    with pytest.raises(vs.Error) as error:
        dblrgan(clip)
    assert str(error.value) == f"dblrgan: clip must be a video clip, got {name}"


def test_an_audio_clip_is_refused(refusal):
    text = refusal(vs.core.std.BlankAudio(length=10))
    assert text == "clip must be a video clip, got AudioNode"


@pytest.mark.parametrize(
    "clips",
    [
        lambda: gray(varformat=1),
        lambda: gray(varsize=1),
        lambda: gray(varformat=1, varsize=1),
        lambda: vs.core.std.Splice([gray(), gray(width=48)], mismatch=True),
        lambda: vs.core.std.Splice([gray(), gray(format=vs.RGB24)], mismatch=True),
    ],
    ids=["varformat", "varsize", "both", "spliced sizes", "spliced formats"],
)
def test_a_variable_clip_is_refused(refusal, clips):
    assert refusal(clips()) == (
        "clip must have constant format and size, got variable; resize it to one format and size "
        "first"
    )


@pytest.mark.parametrize(("width", "height"), [(15, 16), (16, 15), (1, 1)])
def test_a_clip_below_16x16_is_refused(refusal, width, height):
    text = refusal(gray(width=width, height=height))
    assert text == f"clip must be at least 16x16, got {width}x{height}"


def test_32_bit_integers_are_refused(refusal):
    assert refusal(gray(format=vs.GRAY32)) == (
        "clip must have 8 to 16 bit integer or floating-point samples, got Gray32"
    )


@pytest.mark.parametrize("video_format", [vs.YUV420P8, vs.GRAYS, vs.RGB24])
@pytest.mark.parametrize(("value", "order"), [(1, "bottom"), (2, "top")])
def test_a_field_based_frame_is_refused(fast_weights, video_format, value, order):
    clip = gray(format=video_format, height=32).std.SetFieldBased(value)
    restored = dblrgan(clip, device="cpu", weights=fast_weights)
    with pytest.raises(vs.Error) as error:
        restored.get_frame(0)
    # VapourSynth puts the traceback of a frame's error before its text.
    assert (
        str(error.value)
        .splitlines()[-1]
        .endswith(
            f"dblrgan: clip must be progressive, got field-based frames ({order} field first); "
            "deinterlace it first, or if it is progressive after all, add .std.SetFieldBased(0)"
        )
    )


def test_a_frame_that_says_it_is_progressive_is_taken(fast_weights):
    clip = gray().std.SetFieldBased(0)
    assert dblrgan(clip, device="cpu", weights=fast_weights).get_frame(0).props["_FieldBased"] == 0


def test_a_gpu_resident_clip_is_refused(monkeypatch):
    # Making a real one takes a Vulkan device; a stand-in has all that is looked at.
    class Clip:
        format = vs.core.get_video_format(vs.GRAY8)
        width, height, gpu_resident = 32, 24, True

    stand_in = types.SimpleNamespace(**{**vars(vs), "VideoNode": Clip})
    monkeypatch.setattr(planes, "vs", stand_in)
    with pytest.raises(UnsupportedClipError) as error:
        planes.check_clip(Clip())
    assert str(error.value) == (
        "clip must be in main memory, got a GPU-resident clip; add .std.GPUDownload() first"
    )


# Options


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"model": "slow"}, "unknown model 'slow'; choose one of: auto, fast, quality, paper"),
        ({"model": None}, "model must be one of: auto, fast, quality, paper, got None"),
        ({"device": "gpu"}, "unknown device 'gpu'; choose one of: auto, cpu, cuda, cuda:N"),
        ({"device": 0}, "device must be one of: auto, cpu, cuda, cuda:N, got 0"),
        (
            {"precision": "int8"},
            "unknown precision 'int8'; choose one of: auto, fp32, fp16, bf16",
        ),
        (
            {"backend": "onnx"},
            "unknown backend 'onnx'; choose one of: auto, tensorrt_rtx, tensorrt, eager, inductor",
        ),
        *[
            (
                {"tile": tile},
                "tile must be a pair (width, height) of whole numbers above 0 or none, "
                f"got {tile!r}",
            )
            for tile in [640, (640,), (0, 640), (640.0, 640), "640x640"]
        ],
        *[
            (
                {"scene_threshold": threshold},
                f"scene_threshold must be a number from 0.0 to 1.0 or none, got {threshold!r}",
            )
            for threshold in [-0.1, 1.1, "0.5", True]
        ],
        ({"weights": 5}, "weights must be a text or none, got 5"),
        (
            {"precision": "fp16"},
            "precision 'fp16' is not available on the CPU; use precision='auto', 'fp32' or 'bf16'",
        ),
    ],
)
def test_option_that_is_not_allowed_is_refused(refusal, options, text):
    assert refusal(**options) == text


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is available here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_absent_cuda_is_refused(refusal, device):
    assert refusal(device=device) == (
        f"device {device!r} is not available: no CUDA device found; use device='cpu' or 'auto', "
        "or run `vsdeblur doctor`"
    )


def test_a_tile_too_small_for_the_model_is_refused(fast_weights):
    options = {"device": "cpu", "precision": "fp32", "weights": fast_weights}
    with pytest.raises(vs.Error, match="dblrgan: tile must be at least 592x592 for this model"):
        dblrgan(gray(width=700), tile=(320, 320), **options).get_frame(0)


# Weights


def test_missing_weights_are_refused(refusal):
    text = "no weights file 'nowhere.safetensors'; check the path, or reinstall vsdeblur"
    assert refusal(weights="nowhere.safetensors") == text


def test_truncated_weights_are_refused(refusal, fast_weights, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(Path(fast_weights).read_bytes()[:-100])
    text = refusal(weights=str(path))
    assert text.startswith(f"weights file {str(path)!r} is truncated or not in safetensors format")


def test_weights_of_another_model_are_refused(refusal, paper_weights):
    assert refusal(model="fast", weights=paper_weights) == (
        f"weights file {paper_weights!r} is for filter 'dblrgan', model 'paper'; "
        "expected 'dblrgan', 'fast'"
    )


def test_packaged_weights_of_another_hash_are_refused(refusal, packaged, fast_weights):
    packaged(Path(fast_weights), "0" * 64)
    text = refusal(weights=None)
    assert text.startswith(f"weights file {fast_weights!r} has sha256 ")
    assert text.endswith(f", expected {'0' * 64}; reinstall vsdeblur")


def test_model_without_packaged_weights_is_refused(refusal, packaged):
    packaged(None, None)
    assert refusal(weights=None) == (
        "no weights are shipped for model 'fast' yet; train it and give the file as weights=FILE, "
        "or use another model"
    )
