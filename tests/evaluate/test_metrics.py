"""PSNR and SSIM against values worked out by hand."""

import math

import numpy as np
import pytest
import torch

from vsdeblur.evaluate.metrics.fidelity import MAX_PSNR, luma_of, qualities, to_8bit, with_luma


def flat(level, channels=1):
    return torch.full((1, channels, 16, 20), float(level))


def test_luma_is_bt601_in_full_range():
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
    luma = luma_of(colours[:, :, None, None]).flatten()
    torch.testing.assert_close(luma, torch.tensor([76.245, 149.685, 29.07, 255.0]))


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_of_a_constant_error(channels):
    (quality,) = qualities(flat(105, channels), flat(100, channels))
    assert quality.psnr == pytest.approx(20 * math.log10(255 / 5), abs=1e-4)


def test_psnr_of_rgb_is_over_all_channels():
    picture = flat(100, 3)
    picture[:, 0] += 6  # a third of the values: mean squared error 12
    (quality,) = qualities(picture, flat(100, 3))
    assert quality.psnr == pytest.approx(10 * math.log10(255**2 / 12), abs=1e-4)


def test_equal_pictures():
    noise = (torch.rand(2, 3, 16, 16) * 255).round()
    for quality in qualities(noise, noise):
        assert quality.psnr == MAX_PSNR
        assert quality.ssim == pytest.approx(1, abs=1e-9)


def test_ssim_of_flat_pictures_is_their_luminance_term():
    (quality,) = qualities(flat(110), flat(100))
    c1 = (0.01 * 255) ** 2
    assert quality.ssim == pytest.approx((2 * 110 * 100 + c1) / (110**2 + 100**2 + c1), abs=1e-9)


def test_ssim_is_that_of_its_definition(rng):
    """Wang et al. 2004, equation 13, window by window."""
    sharp = rng.integers(0, 256, (14, 13)).astype(float)
    picture = (sharp + rng.integers(-40, 41, sharp.shape)).clip(0, 255)
    distance = np.arange(-5, 6)
    weights = np.exp(-(distance**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / weights.sum() ** 2

    def mean(image):
        views = np.lib.stride_tricks.sliding_window_view(image, (11, 11))
        return (views * window).sum((-2, -1))

    x, y, c1, c2 = mean(picture), mean(sharp), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    variances = mean(picture**2) - x**2 + mean(sharp**2) - y**2
    covariance = mean(picture * sharp) - x * y
    expected = (2 * x * y + c1) * (2 * covariance + c2) / ((x**2 + y**2 + c1) * (variances + c2))
    (quality,) = qualities(torch.tensor(picture)[None, None], torch.tensor(sharp)[None, None])
    assert quality.ssim == pytest.approx(expected.mean(), abs=1e-9)


def test_ssim_of_rgb_is_the_mean_of_its_channels():
    sharp, picture = ((torch.rand(1, 3, 16, 16) * 255).round() for _ in range(2))
    (quality,) = qualities(picture, sharp)
    channels = qualities(picture.transpose(0, 1), sharp.transpose(0, 1))
    assert quality.ssim == pytest.approx(sum(q.ssim for q in channels) / 3, abs=1e-9)


def test_new_luma_keeps_cb_and_cr():
    rgb = torch.rand(2, 3, 8, 8) * 0.4 + 0.3
    luma = luma_of(rgb) + 0.1
    changed = with_luma(rgb, luma)
    torch.testing.assert_close(luma_of(changed), luma)
    for channel in (0, 2):  # Cb and Cr are B - Y and R - Y, scaled
        torch.testing.assert_close(
            changed[:, channel : channel + 1] - luma, rgb[:, channel : channel + 1] - luma_of(rgb)
        )


def test_what_leaves_the_range_is_cut_off():
    changed = with_luma(torch.tensor([1.0, 0.5, 0.0])[:, None, None], torch.ones(1, 1, 1))
    assert changed.max() == 1
    assert to_8bit(torch.tensor([-0.2, 0.4999 / 255, 0.5001 / 255, 1.2])).tolist() == [0, 0, 1, 255]
