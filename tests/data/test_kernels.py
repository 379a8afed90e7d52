"""The seven blurs: each does what its name says, and the same for the same seed."""

import sys

import numpy as np
import pytest

from vsdeblur.data.kernels import KERNELS, Blur, apply_blur, draw_blur
from vsdeblur.errors import DataError


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (40, 52, 3), dtype=np.uint8)


def roughness(picture, axis):
    return np.abs(np.diff(picture.astype(int), axis=axis)).mean()


def test_there_are_the_papers_seven():
    names = ["horizontal", "vertical", "averaging", "gaussian", "median", "bilateral", "resizing"]
    assert list(KERNELS) == names


@pytest.mark.parametrize(
    ("name", "size"), [(name, size) for name, kernel in KERNELS.items() for size in kernel.sizes]
)
def test_every_blur_smooths_and_keeps_flat_areas_flat(picture, name, size):
    before = picture.copy()
    blurred = apply_blur(picture, Blur(name, size))
    assert (blurred.shape, blurred.dtype) == (picture.shape, np.uint8)
    smoothed = [roughness(blurred, axis) < 0.9 * roughness(picture, axis) for axis in (0, 1)]
    assert smoothed[1] or name == "vertical"
    assert smoothed[0] or name == "horizontal"
    np.testing.assert_array_equal(picture, before)
    grey = np.full((40, 52, 3), 90, np.uint8)
    np.testing.assert_array_equal(apply_blur(grey, Blur(name, size)), grey)


@pytest.mark.parametrize("name", ["averaging", "gaussian", "median", "horizontal", "resizing"])
def test_larger_sizes_blur_more(picture, name):
    rough = [roughness(apply_blur(picture, Blur(name, s)), 1) for s in KERNELS[name].sizes]
    assert rough == sorted(rough, reverse=True)


def test_horizontal_and_vertical_mix_along_one_axis_only():
    dot = np.zeros((21, 21, 3), np.uint8)
    dot[10, 10] = 255
    rows, columns = (apply_blur(dot, Blur("horizontal", 5))[..., 0] > 0).nonzero()
    assert set(rows) == {10}
    assert set(columns) == set(range(8, 13))
    rows, columns = (apply_blur(dot, Blur("vertical", 7))[..., 0] > 0).nonzero()
    assert set(rows) == set(range(7, 14))
    assert set(columns) == {10}


def test_averaging_is_the_mean_and_median_the_median():
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    around = picture[2:7, 2:7].reshape(-1, 3)
    mean = apply_blur(picture, Blur("averaging", 5))[4, 4]
    assert np.abs(mean - around.mean(0)).max() <= 0.5
    np.testing.assert_array_equal(
        apply_blur(picture, Blur("median", 5))[4, 4], np.median(around, axis=0)
    )


def test_bilateral_spares_strong_edges():
    step = np.zeros((32, 32, 3), np.uint8)
    step[:, 16:] = 250
    sharp = apply_blur(step, Blur("bilateral", 9)).astype(int)
    soft = apply_blur(step, Blur("gaussian", 9)).astype(int)
    assert np.diff(sharp[16, :, 0]).max() > 2 * np.diff(soft[16, :, 0]).max()


def test_blurs_are_drawn_alike_and_by_the_seed():
    rng = np.random.default_rng(0)
    drawn = [draw_blur(rng) for _ in range(700)]
    counts = {name: sum(blur.kernel == name for blur in drawn) for name in KERNELS}
    assert all(60 < count < 140 for count in counts.values())
    assert {blur.size for blur in drawn if blur.kernel == "median"} == set(KERNELS["median"].sizes)
    rng = np.random.default_rng(0)
    assert [draw_blur(rng) for _ in range(700)] == drawn


def test_a_missing_opencv_says_what_to_install(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(
        DataError, match=r"OpenCV is not installed .*pip install 'vsdeblur\[train\]'"
    ):
        apply_blur(picture, Blur("median", 5))
