"""Windows of a picture: where they lie, which is the most blurred, how they are put back."""

import numpy as np
import pytest
import torch

from vsdeblur.restorers.brmr.regions import Window, feather_weights, mine_windows, window_means

CPU = torch.device("cpu")


def slid_over(heat, size=128, stride=64):
    """A window slid over the upsampled map: its mean at each place, from left to right and down."""
    upsampled = np.kron(heat.double().numpy(), np.ones((8, 8)))
    height, width = upsampled.shape
    means = {}
    for top in starts(height, size, stride):
        for left in starts(width, size, stride):
            means[top, left] = upsampled[top : top + size, left : left + size].mean()
    return means


def starts(length, size, stride):
    """Multiples of the stride at which a window fits, and the place where it ends at the edge."""
    return sorted({*range(0, length - size + 1, stride), max(length - size, 0)})


SIZES = [(32, 32), (16, 16), (17, 16), (30, 41), (24, 16), (16, 90), (5, 40), (4, 4), (135, 240)]


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_pooling_the_map_is_a_window_slid_over_the_upsampled_one(rows, columns):
    heat = torch.randn(rows, columns)
    expected = slid_over(heat)
    means = window_means(heat)
    np.testing.assert_allclose(means.flatten(), list(expected.values()), rtol=0, atol=1e-6)
    (window,) = mine_windows(heat)
    assert (window.top, window.left) == max(expected, key=expected.get)
    assert (window.height, window.width) == (min(128, 8 * rows), min(128, 8 * columns))


@pytest.mark.parametrize(("size", "stride"), [(128, 8), (64, 64), (32, 16), (128, 128)])
def test_other_windows_and_strides_are_slid_alike(size, stride):
    heat = torch.randn(33, 47)
    expected = slid_over(heat, size, stride)
    means = window_means(heat, size=size, stride=stride)
    np.testing.assert_allclose(means.flatten(), list(expected.values()), rtol=0, atol=1e-6)


def test_of_equal_windows_the_first_from_left_to_right_and_top_to_bottom_is_taken():
    heat = torch.zeros(48, 48)
    assert mine_windows(heat) == [Window(0, 0, 128, 128)]
    heat[8:24, 24:40] = heat[24:40, 8:24] = 1
    assert mine_windows(heat) == [Window(192, 64, 128, 128)]


def test_several_windows_do_not_overlap_and_come_hottest_first():
    heat = torch.randn(40, 60)
    windows = mine_windows(heat, 6)
    assert len(windows) == 6
    for index, window in enumerate(windows):
        assert not any(window.overlaps(other) for other in windows[:index])
    means = slid_over(heat)
    heats = [means[window.top, window.left] for window in windows]
    assert heats == sorted(heats, reverse=True)
    assert heats[0] == max(means.values())


def test_there_are_no_more_windows_than_fit():
    assert len(mine_windows(torch.randn(32, 32), 50)) <= 4
    assert mine_windows(torch.randn(4, 9), 50) == [Window(0, 0, 72, 32)]


@pytest.mark.parametrize(
    ("other", "overlap"),
    [
        (Window(10, 10, 4, 4), True),
        (Window(13, 13, 9, 9), True),
        (Window(14, 10, 4, 4), False),
        (Window(10, 6, 4, 4), False),
        (Window(0, 0, 99, 99), True),
    ],
)
def test_windows_that_only_touch_do_not_overlap(other, overlap):
    assert Window(10, 10, 4, 4).overlaps(other) == overlap
    assert other.overlaps(Window(10, 10, 4, 4)) == overlap


# Feather


def test_without_a_feather_the_window_replaces_what_was_there():
    weights = feather_weights(Window(64, 0, 128, 128), 256, 256, 0, CPU)
    assert weights.shape == (128, 128)
    assert weights.unique().tolist() == [1]


def test_the_feather_rises_from_the_border_and_not_from_the_pictures_edge():
    weights = feather_weights(Window(64, 0, 128, 128), 256, 256, 8, CPU)
    rise = (np.arange(8) + 0.5) / 8
    np.testing.assert_allclose(weights[0, :8], rise)
    np.testing.assert_allclose(weights[0, -8:], rise[::-1])
    np.testing.assert_allclose(weights[-8:, 60], rise[::-1])
    assert weights[: 128 - 8, 8:-8].unique().tolist() == [1]
    whole = feather_weights(Window(0, 0, 40, 24), 24, 40, 8, CPU)
    assert whole.unique().tolist() == [1]


def test_the_widest_feather_still_takes_the_middle():
    weights = feather_weights(Window(64, 64, 128, 128), 512, 512, 64, CPU)
    assert weights.min() > 0
    assert 0.95 < weights[64, 64] <= 1


def test_what_sums_over_other_threads_differ_by_decides_nothing():
    even = torch.full((48, 64), 0.5)
    for seed in range(5):
        noise = 1e-5 * torch.randn(48, 64, generator=torch.Generator().manual_seed(seed))
        assert mine_windows(even + noise, 2) == mine_windows(even, 2)
