"""The best shift: found to a fraction of a pixel, and none where there is none to find."""

import cv2
import numpy as np
import pytest
import torch

from vsdeblur.evaluate.frame_pictures import FramePictures, Pictures
from vsdeblur.evaluate.further_figures import ShiftFigures
from vsdeblur.evaluate.metrics.registration import MOST_SHIFT, align


@pytest.fixture
def texture(rng):
    coarse = rng.integers(20, 230, (20, 24)).astype(np.float32)
    return cv2.resize(coarse, (120, 100), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype("u1")


def moved(picture, x, y):
    """The picture further to the right and further down."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = picture.shape[::-1]
    return cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


@pytest.mark.parametrize(("x", "y"), [(0.5, 0), (-1.25, 0.75), (2, -3)])
def test_a_moved_picture_is_laid_back(texture, x, y):
    picture = moved(texture, x, y)
    found = align(picture, texture)
    assert (found.x, found.y) == pytest.approx((x, y), abs=0.06)
    assert found.distance == pytest.approx(np.hypot(x, y), abs=0.06)
    plain = 10 * np.log10(255**2 / np.square(picture.astype(float) - texture).mean())
    assert found.psnr > plain + 10
    assert found.psnr > 35


def test_what_lies_right_stays(texture, rng):
    assert align(texture, texture)[:2] == pytest.approx((0, 0), abs=1e-3)
    assert align(texture, texture).psnr == 100
    noisy = (texture + rng.normal(0, 5, texture.shape)).clip(0, 255).astype("u1")
    plain = 10 * np.log10(255**2 / np.square(noisy.astype(float) - texture).mean())
    assert align(noisy, texture).distance < 0.1
    assert align(noisy, texture).psnr == pytest.approx(plain, abs=0.5)


def test_blur_is_no_shift(texture):
    blurred = cv2.blur(texture, (9, 1))
    assert align(blurred, texture).distance < 0.15


def test_pictures_that_cannot_be_laid_on_one_another_are_compared_as_they_are(texture):
    flat = np.full_like(texture, 90)
    found = align(flat, texture)
    assert found[:2] == (0, 0)
    error = np.square(texture.astype(float) - 90).mean()
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / error))
    assert align(texture[::-1].copy(), texture).distance <= MOST_SHIFT


def pictures(restored, sharp):
    blurred, restored, sharp = (
        Pictures(np_to_luma(plane), None) for plane in (sharp, restored, sharp)
    )
    return FramePictures(blurred, restored, sharp)


def np_to_luma(plane):
    return torch.from_numpy(plane.astype(np.float32))[None, None]


def test_a_video_that_shakes_shows(texture):
    shifts = ShiftFigures(is_sequence=True)
    told = [shifts.figures(pictures(moved(texture, x, 0), texture)) for x in (1, -1, -1)]
    assert "restored_shift_change" not in told[0]
    assert [t["restored_shift"] for t in told] == pytest.approx([1, 1, 1], abs=0.05)
    changes = [t["restored_shift_change"] for t in told[1:]]
    assert changes == pytest.approx([2, 0], abs=0.1)
    assert [t["input_shift_change"] for t in told[1:]] == pytest.approx([0, 0], abs=1e-3)


def test_windows_apart_have_no_change(texture):
    shifts = ShiftFigures(is_sequence=False)
    for _ in range(2):
        assert set(shifts.figures(pictures(texture, texture))) == {
            f"{state}_{name}"
            for state in ("input", "restored")
            for name in ("psnr_aligned", "shift")
        }
