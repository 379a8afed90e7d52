"""What the filter `brmr` alone refuses, and in which words."""

import pytest
import vapoursynth as vs

from vsdeblur.models import MODELS
from vsdeblur.runtime.weights import save_weights


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
    ],
)
def test_an_option_that_is_not_allowed_is_refused(refusal, options, text):
    assert refusal("brmr", **options) == text


@pytest.mark.parametrize("video_format", [vs.YUV420P8, vs.GRAYS, vs.RGB24])
def test_maps_of_a_field_based_frame_are_refused(frame_refusal, gray, video_format):
    clip = gray(format=video_format, height=30).std.SetFieldBased(2)
    assert frame_refusal("brmr", clip, output="heatmap") == (
        "clip must be progressive, got field-based frames (top field first); deinterlace it "
        "first, or if it is progressive after all, add .std.SetFieldBased(0)"
    )


def test_weights_without_one_of_the_networks_are_refused(refusal, tmp_path):
    options = {"width": 8, "max_width": 8, "blocks": (1,), "critic_width": 4}
    state = MODELS["brmr"]["fast"].build(**options).state_dict()
    state = {name: tensor for name, tensor in state.items() if not name.startswith("g_patch.")}
    path = tmp_path / "w.safetensors"
    save_weights(path, state, filter_name="brmr", model="fast", options=options)
    text = refusal("brmr", weights=str(path))
    assert text.startswith(f"weights file {str(path)!r} does not fit model 'fast': ")
    assert "g_patch" in text
