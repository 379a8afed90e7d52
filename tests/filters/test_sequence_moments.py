"""The filter `sequence` with fewer moments than there are, and at a wanted rate."""

from fractions import Fraction

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsdeblur.filters import sequence as module
from vsdeblur.frames.moment_choice import RateChoice, as_rate, evenly_spaced
from vsdeblur.models import MODELS
from vsdeblur.restorers.sequence import SequenceOptions, SequenceRestorer

LEVEL = 40
"""The clips' luma: of moment i it becomes (i + 1) / 7 of it."""


@pytest.fixture
def opened(monkeypatch):
    """Makes the filter give moments of a known luma."""

    def load(name, **checked):
        own = {"depth": checked["depth"], "exposure": checked["exposure"], "chroma": "static"}
        return SequenceRestorer(
            lambda frames: torch.cat([frames * (i + 1) / 7 for i in range(7)], 1),
            MODELS["sequence"]["fast"], torch.device("cpu"), None,
            SequenceOptions(**own, order=False), adds_middle_frame=False,
        )  # fmt: skip

    monkeypatch.setattr(module, "load_restorer", load)
    return module.sequence


@pytest.fixture
def numbered(make_clip):
    """Makes a clip whose frames have their number in chroma, and a luma that says the moment."""

    def numbered(count, fps=Fraction(25), name="YUV444P8", properties=None):
        planes = [
            [np.full((16, 16), value, np.uint8) for value in (16 + 219 // 2, number, 128)]
            for number in range(count)
        ]
        clip = make_clip(planes, getattr(vs, name), properties or [{} for _ in planes])
        return clip.std.AssumeFPS(fpsnum=fps.numerator, fpsden=fps.denominator)

    return numbered


def places(clip):
    """Of which frame, and which moment of it, each frame of a result is."""
    found = []
    for n in range(clip.num_frames):
        frame = clip.get_frame(n)
        luma = (float(np.asarray(frame[0])[0, 0]) - 16) / (219 // 2)
        found.append((int(np.asarray(frame[1])[0, 0]), round(luma * 7) - 1))
    return found


@pytest.mark.parametrize("moments", [2, 3, 4, 5, 6, 7])
def test_so_many_moments_of_each_frame_are_given(numbered, opened, moments):
    clip = opened(numbered(3), moments=moments)
    assert clip.num_frames == 3 * moments
    assert Fraction(clip.fps) == 25 * moments
    chosen = evenly_spaced(moments, 7)
    assert places(clip) == [(number, index) for number in range(3) for index in chosen]
    for n in range(clip.num_frames):
        props = clip.get_frame(n).props
        assert props["SequenceIndex"] == n % moments
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == Fraction(1, 25 * moments)


def test_moments_are_nearest_to_even_steps_and_the_same_backwards():
    for moments in (7, 287):
        for count in range(2, 8):
            chosen = evenly_spaced(count, moments)
            assert chosen == sorted(set(chosen))
            assert chosen == [moments - 1 - index for index in reversed(chosen)]
            middles = [Fraction(2 * index + 1, 2 * moments) for index in chosen]
            even = [Fraction(2 * k + 1, 2 * count) for k in range(count)]
            errors = [abs(a - b) for a, b in zip(middles, even, strict=True)]
            assert max(errors) <= Fraction(1, 2 * moments)


@pytest.mark.parametrize(
    ("source", "fps", "rate", "count"),
    [
        (Fraction(25), 60, Fraction(60), 24),
        (Fraction(24000, 1001), 59.94, Fraction(60000, 1001), 25),
        (Fraction(30), 60, Fraction(60), 20),
        (Fraction(25), 75.0, Fraction(75), 30),
        (Fraction(25), 175, Fraction(175), 70),
        (Fraction(24), 25, Fraction(25), 10),
    ],
)
def test_frames_at_a_rate_are_the_nearest_moments(numbered, opened, source, fps, rate, count):
    clip = opened(numbered(10, source), fps=fps)
    assert Fraction(clip.fps) == rate
    assert clip.num_frames == count
    for n, (number, moment) in enumerate(places(clip)):
        middle = (n + Fraction(1, 2)) / rate * source
        taken = number + Fraction(2 * moment + 1, 14)
        assert abs(taken - middle) <= Fraction(1, 14)
        props = clip.get_frame(n).props
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == 1 / rate
        assert props["SequenceIndex"] == moment


def test_a_rate_that_is_a_multiple_gives_what_so_many_moments_give(numbered, opened):
    clip = numbered(4)
    assert places(opened(clip, fps=75)) == places(opened(clip, moments=3))


def test_at_a_rate_times_and_cuts_are_those_of_the_frames(numbered, opened):
    properties = [
        {"_AbsoluteTime": n / 25, "_SceneChangePrev": int(n == 2), "_SceneChangeNext": int(n == 1)}
        for n in range(5)
    ]
    clip = opened(numbered(5, properties=properties), fps=60)
    frames = [clip.get_frame(n) for n in range(clip.num_frames)]
    assert [frame.props["_AbsoluteTime"] for frame in frames] == pytest.approx(
        [n / 60 for n in range(12)]
    )
    of_frame = [number for number, _ in places(clip)]
    assert [n for n, f in enumerate(frames) if f.props["_SceneChangePrev"]] == [of_frame.index(2)]
    assert [n for n, f in enumerate(frames) if f.props["_SceneChangeNext"]] == [
        of_frame.index(2) - 1
    ]


def test_at_a_rate_a_short_exposure_is_where_it_is(numbered, opened):
    # The shutter is open in the first half: its moments are 1/350 s apart, then the last one stays.
    clip = opened(numbered(4), fps=150, exposure=0.5)
    assert places(clip)[:6] == [(0, 1), (0, 3), (0, 5), (0, 6), (0, 6), (0, 6)]
    assert Fraction(clip.fps) == 150


def test_rgb_keeps_its_properties_at_a_rate(numbered, opened):
    rgb = numbered(5).resize.Bicubic(format=vs.RGB24, matrix_in=1)
    clip = opened(rgb, fps=60)
    assert clip.format.id == vs.RGB24
    assert (clip.num_frames, Fraction(clip.fps)) == (12, 60)
    assert "SequenceIndex" in clip.get_frame(3).props


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"moments": 1}, "moments must be a whole number from 2 to 7 or none, got 1"),
        ({"moments": 8}, "moments must be a whole number from 2 to 7 or none, got 8"),
        ({"fps": 0}, "fps must be a number from 1 to 100000 or none, got 0"),
        ({"moments": 3, "fps": 60}, "give moments or fps, not both"),
        ({"fps": 24}, "fps must be above the 24 that there are and at most 168 "
         "(7 moments of each frame), got 24"),
        ({"fps": 200}, "fps must be above the 24 that there are and at most 168 "
         "(7 moments of each frame), got 200"),
    ],
)  # fmt: skip
def test_what_cannot_be_given_is_refused(refusal, gray, options, text):
    assert refusal("sequence", gray(fpsnum=24, fpsden=1), **options) == text


def test_a_rate_of_a_clip_without_one_is_refused(refusal, gray):
    assert refusal("sequence", gray(fpsnum=0, fpsden=1), fps=60) == (
        "clip must have a constant frame rate for fps, got a variable one; give moments, or add "
        ".std.AssumeFPS() first"
    )


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(59.94, Fraction(60000, 1001)), (23.976, Fraction(24000, 1001)), (60, Fraction(60)),
     (23.98, Fraction(24000, 1001)), (12.5, Fraction(25, 2))],
)  # fmt: skip
def test_rates_are_read_as_they_are_meant(fps, rate):
    assert as_rate(fps) == rate


def test_what_is_not_exact_is_told():
    choice = RateChoice(source=Fraction(25), wanted=Fraction(60), moments=7)
    assert choice.told == (
        "60 frames a second of 25: each is the nearest of 175 moments a second, up to 2.9 ms off; "
        "a whole multiple of 25 gives equal steps"
    )
    assert RateChoice(source=Fraction(25), wanted=Fraction(75), moments=7).told == ""
