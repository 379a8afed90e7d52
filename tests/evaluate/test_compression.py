"""Windows behind H.264: nearly the same pictures, every time, in the band they were in."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vsdeblur.evaluate.benchmark_scores import counts, score_restorer
from vsdeblur.evaluate.synthetic import SyntheticWindow
from vsdeblur.evaluate.synthetic.compression import compressed


@pytest.fixture
def window(rng):
    """A soft texture that moves 2 pixels a frame, with noise; off its sharp partner by 10."""
    texture = rng.integers(40, 200, (20, 24)).repeat(5, 0).repeat(5, 1)
    for axis in (0, 1, 0, 1):
        texture = (texture + np.roll(texture, 1, axis) + np.roll(texture, 2, axis)) // 3
    views = np.stack([texture[:64, 2 * n : 2 * n + 64] for n in range(5)])
    noise = rng.integers(-6, 7, views.shape)
    moments = np.zeros((7, 64, 64), np.uint8)
    return SyntheticWindow(
        subset="shake", name="shake/000", blurred=(views + noise + 10).astype("u1"),
        sharp=views[2].astype("u1"), moments=moments, flow=np.zeros((2, 64, 64), "f4"),
    )  # fmt: skip


def test_what_is_coded_is_near_and_always_the_same(window):
    coded, again = compressed(window), compressed(window)
    np.testing.assert_array_equal(coded.blurred, again.blurred)
    assert coded.blurred.shape == window.blurred.shape
    for before, after in zip(window.blurred, coded.blurred, strict=True):
        error = after.astype(int) - before
        assert 1 < np.abs(error).mean() < 8
        assert abs(error.mean()) < 1  # range and frames are in order
    np.testing.assert_array_equal(coded.sharp, window.sharp)


def test_a_higher_factor_loses_more(window):
    errors = [
        np.abs(compressed(window, crf).blurred.astype(int) - window.blurred).mean()
        for crf in (5, 28, 45)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 1.5


def test_it_counts_in_the_band_it_was_in_and_gains_over_what_it_became(window):
    coded = compressed(window, 45)
    assert coded.band_psnr == window.input_psnr != coded.input_psnr
    assert counts([window]) == counts([coded])
    restorer = SimpleNamespace(
        radius=2, channels=1, multiplier=1, device=torch.device("cpu"),
        restore=lambda frames: frames[2:3],
    )  # fmt: skip
    assert set(score_restorer(restorer, [coded])["shake"].values()) == {0.0}
