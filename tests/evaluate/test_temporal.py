"""The warping error: nothing for a still video, as large as the flicker for one that flickers."""

import numpy as np
import pytest

from vsdeblur.evaluate.metrics.flicker import FrameMotion, motion_between, warping_error


@pytest.fixture
def texture(rng):
    coarse = rng.integers(20, 200, (14, 18)).astype(np.float32)
    import cv2

    return cv2.resize(coarse, (72, 56), interpolation=cv2.INTER_CUBIC).clip(0, 230).astype("u1")


def test_a_still_video_has_no_error(texture):
    motion = motion_between(texture, texture)
    assert motion.valid.all()
    assert warping_error(texture, texture, motion) == 0


def test_the_error_is_the_size_of_the_flicker(texture):
    motion = motion_between(texture, texture)
    errors = [warping_error(texture, texture + np.uint8(k), motion) for k in (1, 4, 20)]
    assert errors == pytest.approx([1, 4, 20])


def test_motion_is_no_flicker(texture):
    before, frame = texture[:, 4:], texture[:, 1:-3]
    motion = motion_between(before, frame)
    moved = warping_error(before, frame, motion)
    unmoved = np.abs(before.astype(float) - frame).mean()
    assert moved < 0.15 * unmoved
    inner = motion.positions[8:-8, 8:-8, 0] - np.arange(frame.shape[1])[8:-8]
    assert np.median(inner) == pytest.approx(-3, abs=0.1)


def test_pixels_that_come_into_view_do_not_count(texture):
    motion = motion_between(texture[:, 4:], texture[:, :-4])
    assert not motion.valid[:, 0].any()
    assert motion.valid[8:-8, 8:-8].mean() > 0.9


def test_no_pixel_in_both_frames_is_no_figure(texture):
    motion = motion_between(texture, texture)
    nothing = FrameMotion(motion.positions, np.zeros_like(motion.valid))
    assert warping_error(texture, texture, nothing) is None
