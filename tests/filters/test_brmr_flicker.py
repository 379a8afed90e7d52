"""The `brmr` filter over time: the same for the same frame, still where the clip is still."""

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsdeblur import brmr
from vsdeblur.manifest import load_manifest


def test_thirty_equal_frames_come_back_equal(make_noise, tiny_brmr, frames_of, planes_of):
    still = make_noise(vs.YUV420P8, 64, 48, length=1)
    frames = frames_of(tiny_brmr(still * 30))
    first = planes_of(frames[0])
    assert len(frames) == 30
    for frame in frames[1:]:
        for plane, expected in zip(planes_of(frame), first, strict=True):
            np.testing.assert_array_equal(plane, expected)
        assert frame.props["BRMRIterations"] == frames[0].props["BRMRIterations"]


def test_dropout_differs_from_frame_to_frame_and_seed_to_seed(
    make_noise, tiny_brmr, frames_of, planes_of
):
    clip = make_noise(vs.RGBS, 48, 40, length=1) * 2
    first, second = map(planes_of, frames_of(tiny_brmr(clip, dropout=True, seed=1)))
    assert np.abs(np.subtract(first, second)).max() > 1e-3
    other = planes_of(tiny_brmr(clip, dropout=True, seed=2).get_frame(0))
    assert np.abs(np.subtract(first, other)).max() > 1e-3


def pan(make_clip, length=6, size=(128, 256)):
    """The left half pans slowly over a texture; the right half stands still, but for its grain."""
    rng = np.random.default_rng(4)
    texture = rng.random((size[0], size[1] + length)).astype("f4")
    for axis in (0, 1):
        texture = (texture + np.roll(texture, 1, axis) + np.roll(texture, 2, axis)) / 3
    frames = []
    for n in range(length):
        picture = texture[:, : size[1]].copy()
        picture[:, : size[1] // 2] = texture[:, n : n + size[1] // 2]
        grain = 0.01 * rng.standard_normal((3, *size))
        frames.append(list((picture + grain).astype("f4")))
    return make_clip(frames, vs.RGBS)


def restlessness(clip, planes_of):
    """Mean difference from frame to frame in the half that stands still, away from its border."""
    frames = np.array([planes_of(clip.get_frame(n)) for n in range(clip.num_frames)])
    return np.abs(np.diff(frames[..., frames.shape[-1] // 2 + 32 :], axis=0)).mean()


def test_static_areas_of_a_pan_stay_still(make_clip, tiny_brmr, planes_of):
    clip = pan(make_clip)
    before = restlessness(clip, planes_of)
    assert before > 0.005
    assert restlessness(tiny_brmr(clip), planes_of) <= 1.5 * before


def test_the_measure_of_the_pan_shows_flicker(make_clip, tiny_brmr, planes_of, stubbed_brmr):
    clip = pan(make_clip)
    before = restlessness(clip, planes_of)
    assert restlessness(tiny_brmr(clip, dropout=True), planes_of) > 1.5 * before
    turns = iter([0.03, 0.0] * 20)
    flickering = stubbed_brmr(
        image=lambda p: torch.full_like(p, next(turns)), patch=torch.zeros_like
    )
    assert restlessness(flickering(clip), planes_of) > 1.5 * before


PACKAGED = [m.name for m in load_manifest().filters["brmr"].models.values() if m.weights]


@pytest.mark.slow
@pytest.mark.parametrize("model", PACKAGED)
def test_packaged_weights_do_not_flicker(make_clip, planes_of, model):
    clip = pan(make_clip)
    restored = restlessness(brmr(clip, model=model, device="cpu"), planes_of)
    assert restored <= 1.5 * restlessness(clip, planes_of)
