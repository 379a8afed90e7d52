"""The VapourSynth filter over time: edges, scene changes, order of requests, threads."""

import threading
import time

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsdeblur.frames.luma import LumaCoding

WEIGHTS = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]) / 15


def weighted_mean(window):
    """Differs for any two windows: it depends on which frames are in it and on their order."""
    return (window * WEIGHTS[:, None, None, None]).sum(0, keepdim=True)


def mean(window):
    return window.mean(0, keepdim=True)


@pytest.fixture
def flat_clip(make_clip):
    """A clip of flat frames, GRAYS of the given values."""

    def flat_clip(values, properties=None, video_format=vs.GRAYS):
        dtype = {vs.GRAYS: "f4", vs.GRAYH: "f2", vs.YUV420P8: "u1", vs.GRAY8: "u1"}
        dtype = dtype.get(video_format, "u2")
        frames = [[np.full((16, 16), value).astype(dtype)] for value in values]
        return make_clip(frames, video_format, properties)

    return flat_clip


def luma_of(clip):
    return [np.asarray(clip.get_frame(n)[0]).flat[0] for n in range(clip.num_frames)]


def windows(length, cuts=()):
    """Numbers of the frames in each window; `cuts`: frames before which a scene begins."""
    rows = []
    for n in range(length):
        first = max(c for c in [0, *cuts] if c <= n)
        last = min(c for c in [length, *cuts] if c > n) - 1
        rows.append([min(max(n + offset, first), last) for offset in range(-2, 3)])
    return rows


def expected_luma(values, rows):
    return [np.dot([values[i] for i in row], WEIGHTS.numpy()) for row in rows]


# Edges


@pytest.mark.parametrize("function", [mean, weighted_mean])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 9])
def test_ends_of_the_clip_are_repeated(stubbed, flat_clip, rng, length, function):
    values = rng.random(length)
    restored = stubbed(function)(flat_clip(values))
    assert restored.num_frames == length
    expected = expected_luma(values, windows(length))
    if function is mean:
        expected = [np.mean([values[i] for i in row]) for row in windows(length)]
    np.testing.assert_allclose(luma_of(restored), expected, rtol=0, atol=1e-6)


# Scene changes


def scene_properties(length, cut, how):
    properties = [{} for _ in range(length)]
    if how in ("prev", "both"):
        properties[cut]["_SceneChangePrev"] = 1
    if how in ("next", "both"):
        properties[cut - 1]["_SceneChangeNext"] = 1
    return properties


@pytest.mark.parametrize("how", ["prev", "next", "both"])
@pytest.mark.parametrize("cut", [1, 2, 4, 7])
def test_window_never_crosses_a_marked_scene_change(stubbed, flat_clip, rng, cut, how):
    values = rng.random(8)
    restored = stubbed(weighted_mean)(flat_clip(values, scene_properties(8, cut, how)))
    expected = expected_luma(values, windows(8, [cut]))
    np.testing.assert_allclose(luma_of(restored), expected, rtol=0, atol=1e-6)


def test_window_crosses_frames_marked_as_no_scene_change(stubbed, flat_clip, rng):
    values = rng.random(8)
    marks = [{"_SceneChangePrev": 0, "_SceneChangeNext": 0}] * 8
    restored = stubbed(weighted_mean)(flat_clip(values, marks))
    np.testing.assert_allclose(
        luma_of(restored), expected_luma(values, windows(8)), rtol=0, atol=1e-6
    )


def test_scenes_of_one_and_two_frames_keep_to_themselves(stubbed, flat_clip, rng):
    values, cuts = rng.random(8), [2, 3, 5]
    properties = [{"_SceneChangePrev": int(n in cuts)} for n in range(8)]
    restored = stubbed(weighted_mean)(flat_clip(values, properties))
    expected = expected_luma(values, windows(8, cuts))
    np.testing.assert_allclose(luma_of(restored), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("video_format", [vs.GRAYS, vs.GRAYH, vs.GRAY16, vs.GRAY8, vs.YUV420P8])
@pytest.mark.parametrize(("threshold", "cuts"), [(0.5, [4]), (0.9, [])])
def test_window_never_crosses_a_jump_beyond_the_threshold(
    stubbed, flat_clip, rng, video_format, threshold, cuts
):
    peak = {vs.GRAYS: 1, vs.GRAYH: 1, vs.GRAY16: 65535}.get(video_format, 255)
    luma = np.concatenate([rng.uniform(0.1, 0.15, 4), rng.uniform(0.85, 0.9, 4)])
    values = luma * peak if peak == 1 else (luma * peak).round()
    clip = flat_clip(values, [{"_Range": 1}] * 8, video_format)
    restored = stubbed(weighted_mean)(clip, scene_threshold=threshold)
    expected = expected_luma(values, windows(8, cuts))
    step = 0.001 if peak == 1 else 0.51
    np.testing.assert_allclose(luma_of(restored), expected, rtol=0, atol=step)


def test_threshold_is_the_difference_from_which_scenes_differ(stubbed, flat_clip):
    black_then_white = flat_clip([0, 0, 0, 1, 1, 1])
    restored = stubbed(weighted_mean)(black_then_white, scene_threshold=1.0)
    assert luma_of(restored) == pytest.approx([0, 0, 0, 1, 1, 1])


def test_without_marks_or_threshold_the_window_crosses_a_jump(stubbed, flat_clip):
    values = [0, 0, 0, 0, 1, 1, 1, 1]
    restored = luma_of(stubbed(mean)(flat_clip(values)))
    assert restored == pytest.approx([0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1])


def test_threshold_takes_the_place_of_the_marks(stubbed, flat_clip):
    marked = flat_clip([0.0, 0.1, 0.2, 0.3], scene_properties(4, 2, "both"))
    expected = expected_luma([0.0, 0.1, 0.2, 0.3], windows(4))
    restored = luma_of(stubbed(weighted_mean)(marked, scene_threshold=0.5))
    assert restored == pytest.approx(expected, abs=1e-6)


# Order and threads


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_each_frame_is_decoded_once_in_linear_access(
    monkeypatch, stubbed, flat_clip, rng, threshold
):
    decoded, exceeds = [], LumaCoding.exceeds

    def counted(coding, plane):  # asked once for each frame that is brought to its place
        decoded.append(np.asarray(plane).flat[0])
        return exceeds(coding, plane)

    monkeypatch.setattr(LumaCoding, "exceeds", counted)
    values = rng.permutation(24) / np.float32(24)
    restored = stubbed(weighted_mean)(flat_clip(values), scene_threshold=threshold)
    for n in range(24):
        restored.get_frame(n)
    assert sorted(decoded) == sorted(values.astype("f4"))


def test_several_frames_are_restored_at_once(stubbed, flat_clip, threads):
    lock, running, most = threading.Lock(), 0, 0

    def slow(window):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return window[2:3]

    threads(4)
    restored = list(stubbed(slow)(flat_clip(np.linspace(0, 1, 40))).frames(prefetch=8))
    assert len(restored) == 40
    assert 1 < most <= 4


def test_a_failed_frame_can_be_asked_for_again(monkeypatch, stubbed, flat_clip):
    read, failures = LumaCoding.read, [MemoryError("out of memory")]

    def failing(coding, numbers, luma):
        if failures:
            raise failures.pop()
        return read(coding, numbers, luma)

    monkeypatch.setattr(LumaCoding, "read", failing)
    restored = stubbed(mean)(flat_clip([0.5, 0.5]))
    with pytest.raises(vs.Error, match="out of memory"):
        restored.get_frame(0)
    assert np.asarray(restored.get_frame(0)[0]).flat[0] == 0.5
