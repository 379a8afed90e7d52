"""`dblrgan` leaves alone what is sharp, blends if asked to, and says how sharp frames are."""

import numpy as np
import pytest
import vapoursynth as vs

from vsdeblur import dblrgan

FORMATS = ["YUV420P8", "YUV422P10", "YUV444P16", "YUV420PH", "YUV444PS", "GRAY8", "GRAYS"]
FORMATS += ["RGB24", "RGB30", "RGBH", "RGBS"]
every_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def options(fast_weights):
    return {"device": "cpu", "precision": "fp32", "weights": fast_weights}


def same_planes(frame, source):
    return all(
        np.array_equal(np.asarray(frame[plane]), np.asarray(source[plane]))
        for plane in range(source.format.num_planes)
    )


@every_format
@pytest.mark.parametrize("skip_sharp", ["clean", "all"])
def test_what_stands_still_passes_to_the_last_bit(make_noise, options, name, skip_sharp):
    clip = make_noise(getattr(vs, name), width=96, height=80, length=1).std.Loop(5)
    frame = dblrgan(clip, skip_sharp=skip_sharp, **options).get_frame(2)
    assert same_planes(frame, clip.get_frame(2))
    assert dict(frame.props) == {**clip.get_frame(2).props, "DBLRSharpness": 1}


@pytest.mark.parametrize("name", ["YUV420P8", "RGB24"])
def test_nothing_is_judged_and_passes_if_it_shall_not(make_noise, options, name):
    clip = make_noise(getattr(vs, name), width=96, height=80, length=1).std.Loop(5)
    frame = dblrgan(clip, skip_sharp="off", **options).get_frame(2)
    assert not same_planes(frame, clip.get_frame(2))
    assert "DBLRSharpness" not in frame.props


def test_frames_that_move_are_restored(make_clip, options):
    y, x = np.indices((80, 96))
    views = [128 + 60 * np.sin((x + 3 * t) / 6) * np.cos(y / 7) for t in range(5)]
    clip = make_clip([[view.astype(np.uint8)] for view in views], vs.GRAY8)
    frame = dblrgan(clip, skip_sharp="all", **options).get_frame(2)
    assert not same_planes(frame, clip.get_frame(2))
    assert frame.props["DBLRSharpness"] == 0


@every_format
def test_without_strength_every_plane_keeps_its_code_values(make_noise, options, name):
    clip = make_noise(getattr(vs, name), width=96, height=80, length=3)
    frame = dblrgan(clip, strength=0, **options).get_frame(1)
    assert same_planes(frame, clip.get_frame(1))


def test_half_strength_is_halfway(make_noise, options):
    clip = make_noise(vs.GRAYS, length=3).std.Limiter()
    given, half, whole = (
        np.asarray(c.get_frame(1)[0])
        for c in (clip, dblrgan(clip, strength=0.5, **options), dblrgan(clip, **options))
    )
    within = (whole > 0) & (whole < 1)  # beyond, the whole change is cut off
    assert within.mean() > 0.5
    np.testing.assert_allclose(half[within], (given + whole)[within] / 2, atol=1e-6)
