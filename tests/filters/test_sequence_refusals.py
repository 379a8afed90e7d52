"""What the filter `sequence` refuses, and in which words; and that its models run in it."""

import sys

import pytest
import torch
import vapoursynth as vs

from vsdeblur import load_restorer, sequence
from vsdeblur.errors import DeblurError, OptionError
from vsdeblur.models.sequence import SequenceNet
from vsdeblur.runtime.weights import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of a small relative of the model "fast", untrained."""
    torch.manual_seed(4)
    options = {"widths": (8, 8, 8)}
    path = tmp_path_factory.mktemp("weights") / "fast.safetensors"
    state = SequenceNet(**options).state_dict()
    save_weights(path, state, filter_name="sequence", model="fast", options=options)
    return str(path)


def gray(**facts):
    facts = {"format": vs.GRAY8, "width": 32, "height": 24, "length": 3} | facts
    return vs.core.std.BlankClip(**facts)


def refusal(clip=None, **options):
    """The text with which the filter refuses a clip or an option."""
    with pytest.raises(vs.Error) as error:
        sequence(gray() if clip is None else clip, **{"device": "cpu"} | options)
    assert isinstance(error.value.__cause__, DeblurError)
    text = str(error.value)
    assert text.startswith("sequence: ")
    assert "\n" not in text
    return text.removeprefix("sequence: ")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depth": 0}, "depth must be a whole number from 1 to 3, got 0"),
        ({"depth": 4}, "depth must be a whole number from 1 to 3, got 4"),
        ({"chroma": "warp"}, "unknown chroma 'warp'; choose one of: flow, static"),
        ({"exposure": 0}, "exposure must be a number from 0.01 to 1.0, got 0"),
        ({"exposure": 1.5}, "exposure must be a number from 0.01 to 1.0, got 1.5"),
        ({"order": 1}, "order must be true or false, got 1"),
        ({"model": "big"}, "unknown model 'big'; choose one of: fast, paper"),
        ({"scene_threshold": 2}, "scene_threshold must be a number from 0.0 to 1.0 or none, got 2"),
    ],
)
def test_options_that_are_not_allowed_are_refused(options, text):
    assert refusal(**options) == text


@pytest.mark.parametrize(
    ("clip", "text"),
    [
        (5, "clip must be a video clip, got int"),
        (gray(varsize=1), "clip must have constant format and size, got variable; resize it to "
         "one format and size first"),
        (gray(width=15), "clip must be at least 16x16, got 15x24"),
        (gray(format=vs.GRAY32), "clip must have 8 to 16 bit integer or floating-point samples, "
         "got Gray32"),
    ],
)  # fmt: skip
def test_clips_that_do_not_suit_are_refused(clip, text):
    assert refusal(clip) == text


def test_a_clip_that_would_become_too_long_is_refused():
    clip = gray(length=10**8)
    assert refusal(clip, depth=2) == (
        "clip must have at most 51130563 frames for depth 2, got 100000000; cut it, or use a "
        "smaller depth"
    )


def test_models_without_weights_say_what_to_do():
    assert refusal(model="paper") == (
        "no weights are shipped for model 'paper' yet; train it and give the file as weights=FILE, "
        "or use another model"
    )


def test_moving_chroma_without_opencv_names_what_to_install(monkeypatch, weights):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setattr("vsdeblur.frames.chroma_motion.find_spec", lambda name: None)
    clip = gray(format=vs.YUV420P8)
    assert refusal(clip, weights=weights) == (
        "chroma 'flow' needs OpenCV, which is not installed; run pip install 'vsdeblur[sequence]', "
        "or use chroma 'static'"
    )
    for other in (gray(), clip):
        sequence(other, chroma="static", weights=weights, device="cpu").get_frame(0)
    sequence(gray(), weights=weights, device="cpu").get_frame(0)


@pytest.mark.parametrize("video_format", [vs.YUV420P8, vs.GRAYS, vs.RGB24])
def test_a_field_based_frame_is_refused(weights, video_format):
    clip = gray(format=video_format, height=30).std.SetFieldBased(2)
    with pytest.raises(vs.Error) as error:
        sequence(clip, weights=weights, device="cpu").get_frame(0)
    assert (
        str(error.value)
        .splitlines()[-1]
        .endswith(
            "sequence: clip must be progressive, got field-based frames (top field first); "
            "deinterlace it first, or if it is progressive after all, add .std.SetFieldBased(0)"
        )
    )


def test_a_tile_too_small_for_the_model_is_refused(weights):
    clip = gray(width=2000, height=32)
    with pytest.raises(vs.Error, match="sequence: tile must be at least 528x528 for this model"):
        sequence(clip, weights=weights, device="cpu", tile=(64, 64)).get_frame(0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_network_runs_in_the_filter(make_noise, weights, precision):
    clip = make_noise(vs.YUV420P8, 34, 30, 2)
    opened = sequence(clip, weights=weights, device="cpu", precision=precision)
    assert [f.props["SequenceIndex"] for f in opened.frames()] == [*range(7)] * 2


def test_the_restorer_is_to_be_had_from_python(weights):
    restorer = load_restorer("sequence", depth=2, device="cpu", weights=weights)
    assert (restorer.radius, restorer.multiplier, restorer.channels) == (1, 42, 1)
    assert restorer.restore(torch.rand(3, 1, 20, 18)).shape == (42, 1, 20, 18)
    with pytest.raises(OptionError, match="scene_threshold is the front end's"):
        load_restorer("sequence", scene_threshold=0.1, device="cpu", weights=weights)
