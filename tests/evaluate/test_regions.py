"""The benchmark of blurred regions: what is blurred, what counts, and what can be reached."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vsdeblur.data.kernels import KERNELS
from vsdeblur.errors import DataError
from vsdeblur.evaluate.metrics.localisation import (
    best_on_grid,
    blur_one_region,
    intersection_over_union,
    score_regions,
)
from vsdeblur.restorers.brmr.regions import Window


@pytest.fixture
def sharp(rng):
    return rng.integers(0, 256, (256, 320, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("other", "share"),
    [
        (Window(10, 20, 128, 128), 1),
        (Window(74, 20, 128, 128), 1 / 3),
        (Window(74, 84, 128, 128), 1 / 7),
        (Window(138, 20, 128, 128), 0),
        (Window(300, 300, 128, 128), 0),
        (Window(10, 20, 64, 128), 0.5),
    ],
)
def test_intersection_over_union(other, share):
    window = Window(10, 20, 128, 128)
    assert intersection_over_union(window, other) == pytest.approx(share)
    assert intersection_over_union(other, window) == pytest.approx(share)


def test_only_the_window_is_blurred(sharp, rng):
    before = sharp.copy()
    for _ in range(20):
        region = blur_one_region(sharp, rng)
        outside = np.ones(sharp.shape[:2], bool)
        outside[region.window.rows, region.window.columns] = False
        np.testing.assert_array_equal(region.picture[outside], sharp[outside])
        inside = region.picture[region.window.rows, region.window.columns]
        assert inside.shape == (128, 128, 3)
        assert (inside != sharp[region.window.rows, region.window.columns]).mean() > 0.5
    np.testing.assert_array_equal(sharp, before)


def test_places_kernels_and_sizes_are_drawn(sharp, rng):
    regions = [blur_one_region(sharp, rng) for _ in range(60)]
    assert len({region.window for region in regions}) > 50
    assert {region.blur.kernel for region in regions} == set(KERNELS)


def test_a_detector_that_knows_is_as_good_as_can_be(sharp):
    answers = []

    def find(frame):
        # The window that differs from the sharp picture, rounded to the grid of mined windows.
        difference = (frame - torch.from_numpy(sharp).permute(2, 0, 1) / 255).abs().sum(0)
        cells = F.avg_pool2d(difference[None], 128, stride=64)[0]
        row, column = divmod(int(cells.argmax()), cells.shape[1])
        answers.append(Window(64 * column, 64 * row, 128, 128))
        return answers[-1]

    score = score_regions(find, [sharp] * 20, seed=3)
    assert len(set(answers)) > 3
    assert score.iou > 0.9 * score.attainable
    assert score.attainable < 0.9
    assert set(score.by_kernel) <= set(KERNELS)
    assert score_regions(find, [sharp] * 20, seed=3) == score


def test_a_detector_that_knows_nothing_scores_little(sharp):
    score = score_regions(lambda frame: Window(0, 0, 128, 128), [sharp] * 40)
    assert score.iou < 0.6 * score.attainable


def test_the_best_on_the_grid_is_one_only_on_the_grid():
    assert best_on_grid(Window(64, 128, 128, 128), 256, 256) == 1
    assert best_on_grid(Window(172, 100, 128, 128), 228, 300) == 1  # flush with the far corner
    assert best_on_grid(Window(32, 128, 128, 128), 256, 256) == pytest.approx(0.6)


def test_uniformly_placed_windows_bound_what_the_grid_can_reach():
    places = np.random.default_rng(0).integers(0, 129, (2000, 2))
    best = [best_on_grid(Window(int(x), int(y), 128, 128), 256, 256) for x, y in places]
    assert 0.6 < np.mean(best) < 0.68


def test_the_restorers_own_mining_can_be_scored(sharp, brmr_tiny):
    restorer = brmr_tiny()
    score = score_regions(restorer.mine, [sharp] * 3)
    assert 0 <= score.iou <= score.attainable


def test_pictures_that_cannot_be_used_are_refused(sharp):
    with pytest.raises(DataError, match="a picture must be at least 128x128, got 320x127"):
        score_regions(lambda frame: Window(0, 0, 128, 128), [sharp[:127]])
    with pytest.raises(DataError, match="no picture to blur a region of"):
        score_regions(lambda frame: Window(0, 0, 128, 128), [])
