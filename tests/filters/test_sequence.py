"""The filter `sequence`: frames, times, properties and planes, with a stub for the network."""

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsdeblur.filters import sequence as module
from vsdeblur.models import MODELS
from vsdeblur.restorers.sequence import SequenceOptions, SequenceRestorer


class Counted:
    """A network that gives moments which are the frame times 0.4 to 1; counts its calls."""

    def __init__(self):
        self.calls = 0
        self._lock = threading.Lock()

    def __call__(self, frames):
        with self._lock:
            self.calls += 1
        return torch.cat([frames * (0.4 + 0.1 * i) for i in range(7)], 1)


@pytest.fixture
def network():
    return Counted()


@pytest.fixture
def stubbed_sequence(monkeypatch, network):
    """Makes the filter run a function, (1, 1, H, W) -> (1, 7, H, W), in place of a network."""

    def stubbed(clip, function=network, **options):
        def load(name, **checked):
            own = {f.name: checked[f.name] for f in dataclasses.fields(SequenceOptions)}
            spec = MODELS["sequence"]["fast"]
            return SequenceRestorer(
                function, spec, torch.device("cpu"), None, SequenceOptions(**own),
                adds_middle_frame=False,
            )  # fmt: skip

        monkeypatch.setattr(module, "load_restorer", load)
        return module.sequence(clip, **options)

    return stubbed


def steady(frames):
    """Moments that all equal the frame."""
    return frames.expand(-1, 7, -1, -1)


@pytest.mark.parametrize(
    "video_format",
    [vs.YUV420P8, vs.YUV420P10, vs.YUV422P8, vs.YUV444P16, vs.YUV444PH, vs.YUV420PS, vs.GRAY8,
     vs.GRAYH],
)  # fmt: skip
@pytest.mark.parametrize("chroma", ["flow", "static"])
def test_seven_frames_of_the_same_format_for_each(
    make_noise, planes_of, stubbed_sequence, video_format, chroma
):
    facts = vs.core.get_video_format(video_format)
    width, height = 18 << facts.subsampling_w, 17 << facts.subsampling_h
    clip = make_noise(video_format, width, height, 2)
    opened = stubbed_sequence(clip, chroma=chroma)
    assert opened.num_frames == 14
    assert (opened.format.id, opened.width, opened.height) == (facts.id, width, height)
    for n in (0, 9):
        source, planes = planes_of(clip.get_frame(n // 7)), planes_of(opened.get_frame(n))
        assert [p.shape for p in planes] == [p.shape for p in source]
        if chroma == "static":
            assert all(np.array_equal(a, b) for a, b in zip(source[1:], planes[1:], strict=True))


@pytest.mark.parametrize("video_format", [vs.GRAY8, vs.GRAY10, vs.YUV420P8, vs.YUV420P10])
def test_luma_is_that_of_the_moments(make_clip, planes_of, stubbed_sequence, video_format):
    bits = vs.core.get_video_format(video_format).bits_per_sample
    dtype = "u1" if bits == 8 else "u2"
    luma = np.full((18, 20), 116 << (bits - 8), dtype)
    opened = stubbed_sequence(make_clip([[luma]], video_format), order=False)
    for index in range(7):
        expected = (16 + round(100 * (0.4 + 0.1 * index))) << (bits - 8)
        found = planes_of(opened.get_frame(index))[0]
        assert np.abs(found.astype(int) - expected).max() <= 1 << max(0, bits - 9)


def test_all_moments_of_a_still_rgb_clip_are_the_frame(make_noise, planes_of, stubbed_sequence):
    clip = make_noise(vs.RGB24, 20, 18, 2)
    opened = stubbed_sequence(clip, steady)
    assert (opened.num_frames, opened.format.id) == (14, vs.RGB24)
    source, planes = planes_of(clip.get_frame(1)), planes_of(opened.get_frame(12))
    for before, after in zip(source, planes, strict=True):
        assert np.abs(before.astype(int) - after).max() <= 1


@pytest.mark.parametrize(("depth", "multiplier"), [(1, 7), (2, 42), (3, 287)])
def test_depth_multiplies_frames_and_rate(make_noise, stubbed_sequence, depth, multiplier):
    clip = make_noise(vs.GRAY8, 16, 16, 2).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    opened = stubbed_sequence(clip, steady, depth=depth)
    assert opened.num_frames == 2 * multiplier
    assert opened.fps == Fraction(30000, 1001) * multiplier
    props = opened.get_frame(multiplier).props
    duration = Fraction(props["_DurationNum"], props["_DurationDen"])
    assert duration == Fraction(1001, 30000) / multiplier


def test_a_clip_of_one_frame(make_noise, frames_of, stubbed_sequence, network):
    opened = stubbed_sequence(make_noise(vs.YUV420P8, 16, 16, 1))
    assert [f.props["SequenceIndex"] for f in frames_of(opened)] == list(range(7))
    assert network.calls == 1


@pytest.mark.parametrize("video_format", [vs.YUV420P8, vs.RGB24])
def test_properties_are_those_of_the_frame_and_its_index(
    make_noise, stubbed_sequence, video_format
):
    properties = [
        {"Marker": i, "_SceneChangePrev": 1, "_SceneChangeNext": 1, "_AbsoluteTime": i / 10,
         "_DurationNum": 1, "_DurationDen": 10}
        for i in range(2)
    ]  # fmt: skip
    clip = make_noise(video_format, 20, 18, 2, properties)
    plain = {k: v for k, v in clip.get_frame(1).props.items() if k in ("Marker", "_Range")}
    frames = [stubbed_sequence(clip, steady).get_frame(n).props for n in range(7, 14)]
    for index, props in enumerate(frames):
        assert {k: props[k] for k in plain} == plain
        assert props["SequenceIndex"] == index
        assert props["_AbsoluteTime"] == pytest.approx(0.1 + index / 70)
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == Fraction(1, 70)
        assert props["_SceneChangePrev"] == (index == 0)
        assert props["_SceneChangeNext"] == (index == 6)
        assert "SequenceGapNum" not in props
    extra = {"SequenceIndex"}
    assert set(frames[0]) - extra == set(clip.get_frame(1).props)


def test_variable_frame_rates_are_kept(make_noise, frames_of, stubbed_sequence):
    durations = [(1, 24), (1001, 30000), (1, 60)]
    properties = [{"_DurationNum": num, "_DurationDen": den} for num, den in durations]
    clip = make_noise(vs.GRAY8, 16, 16, 3, properties)
    clip = clip.std.BlankClip(fpsnum=0, fpsden=1, keep=True).std.CopyFrameProps(clip)
    opened = stubbed_sequence(clip, steady)
    assert opened.fps == 0
    found = [Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in frames_of(opened)]
    assert found == [Fraction(num, den) / 7 for num, den in durations for _ in range(7)]


@pytest.mark.parametrize("video_format", [vs.GRAY8, vs.RGB24])
def test_exposure_spreads_the_moments_and_tells_of_the_gap(
    make_noise, frames_of, stubbed_sequence, video_format
):
    clip = make_noise(video_format, 16, 16, 2).std.AssumeFPS(fpsnum=25)
    opened = stubbed_sequence(clip, steady, exposure=0.6)
    assert opened.fps == 0
    props = [f.props for f in frames_of(opened)]
    found = [Fraction(p["_DurationNum"], p["_DurationDen"]) for p in props]
    each, gap = Fraction(3, 5) / 25 / 7, Fraction(2, 5) / 25
    assert found == [*[each] * 6, each + gap] * 2
    assert sum(found) == Fraction(2, 25)
    assert Fraction(props[6]["SequenceGapNum"], props[6]["SequenceGapDen"]) == gap
    assert "SequenceGapNum" not in props[5]


def test_frames_of_unknown_duration_stay_so(make_noise, stubbed_sequence):
    clip = make_noise(vs.GRAY8, 16, 16, 1).std.RemoveFrameProps(["_DurationNum", "_DurationDen"])
    props = stubbed_sequence(clip, steady, exposure=0.5).get_frame(6).props
    assert "_DurationNum" not in props
    assert "SequenceGapNum" not in props


# How often the network runs


@pytest.mark.parametrize("num_threads", [1, 4, 16])
def test_linear_access_runs_the_network_once_a_frame(
    make_noise, stubbed_sequence, network, threads, num_threads
):
    threads(num_threads)

    def slowly(frames):
        time.sleep(0.003)  # the others ask for its moments meanwhile
        return network(frames)

    opened = stubbed_sequence(make_noise(vs.YUV420P8, 16, 16, 8), slowly)
    assert sum(1 for _ in opened.frames(prefetch=num_threads)) == 56
    assert 8 <= network.calls <= 10


def test_threads_that_ask_for_one_group_share_it(make_noise, stubbed_sequence, network):
    opened = stubbed_sequence(make_noise(vs.YUV420P8, 16, 16, 4))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: opened.get_frame(n).close(), [13, 8, 11, 7, 12, 9, 10, 13]))
    assert network.calls == 1


# Neighbours


def ramp(value):
    return np.full((16, 16), value, "u1")


def order_of(clip):
    """Whether each group gets lighter."""
    values = [int(np.asarray(clip.get_frame(n)[0])[0, 0]) for n in range(clip.num_frames)]
    return [values[i] < values[i + 6] for i in range(0, len(values), 7)]


def lights(frames):
    """Moments from dark to light around the frame."""
    return torch.cat([frames + 0.01 * (i - 3) for i in range(7)], 1)


def test_neighbours_decide_the_order_and_the_ends_have_one(make_clip, stubbed_sequence):
    rising = make_clip([[ramp(v)] for v in (60, 80, 100)], vs.GRAY8)
    falling = make_clip([[ramp(v)] for v in (100, 80, 60)], vs.GRAY8)
    assert order_of(stubbed_sequence(rising, lights)) == [True] * 3
    assert order_of(stubbed_sequence(falling, lights)) == [False] * 3
    assert order_of(stubbed_sequence(falling, lights, order=False)) == [True] * 3


def test_neighbours_of_other_scenes_have_no_say(make_clip, stubbed_sequence):
    values = (100, 80, 180, 160)  # falling twice, with a rise between
    frames = [[ramp(v)] for v in values]
    marks = [{}, {"_SceneChangeNext": 1}, {"_SceneChangePrev": 1}, {}]
    marked = make_clip(frames, vs.GRAY8, marks)
    assert order_of(stubbed_sequence(marked, lights)) == [False] * 4
    found = stubbed_sequence(make_clip(frames, vs.GRAY8), lights, scene_threshold=0.3)
    assert order_of(found) == [False] * 4


def test_a_frame_alone_in_its_scene_keeps_the_networks_order(make_clip, stubbed_sequence):
    marks = {"_SceneChangePrev": 1, "_SceneChangeNext": 1}
    clip = make_clip([[ramp(v)] for v in (100, 80, 60)], vs.GRAY8, [marks] * 3)
    assert order_of(stubbed_sequence(clip, lights)) == [True] * 3


# With a real network


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_network_runs_in_the_filter(make_noise, frames_of, small_options, precision):
    clip = make_noise(vs.YUV420P8, 34, 30, 2)
    options = small_options("sequence") | {"precision": precision}
    opened = module.sequence(clip, **options)
    assert [f.props["SequenceIndex"] for f in frames_of(opened)] == [*range(7)] * 2
