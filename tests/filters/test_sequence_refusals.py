"""What the filter `sequence` alone refuses, and in which words."""

import sys

import pytest
import vapoursynth as vs

from vsdeblur import sequence


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depth": 0}, "depth must be a whole number from 1 to 3, got 0"),
        ({"depth": 4}, "depth must be a whole number from 1 to 3, got 4"),
        ({"chroma": "warp"}, "unknown chroma 'warp'; choose one of: flow, static"),
        ({"exposure": 0}, "exposure must be a number from 0.01 to 1.0, got 0"),
        ({"exposure": 1.5}, "exposure must be a number from 0.01 to 1.0, got 1.5"),
        ({"order": 1}, "order must be true or false, got 1"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused(refusal, options, text):
    assert refusal("sequence", **options) == text


def test_a_clip_that_would_become_too_long_is_refused(refusal, gray):
    assert refusal("sequence", gray(length=10**8), depth=2) == (
        "clip must have at most 51130563 frames to give 42 of each, got 100000000; cut it, "
        "or use a smaller depth"
    )


def test_moving_chroma_without_opencv_names_what_to_install(
    monkeypatch, refusal, small_options, gray
):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setattr("vsdeblur.frames.chroma_motion.find_spec", lambda name: None)
    clip = gray(format=vs.YUV420P8)
    assert refusal("sequence", clip) == (
        "chroma 'flow' needs OpenCV, which is not installed; run pip install 'vsdeblur[sequence]', "
        "or use chroma 'static'"
    )
    for other in (gray(), clip):
        sequence(other, chroma="static", **small_options("sequence")).get_frame(0)
    sequence(gray(), **small_options("sequence")).get_frame(0)
