"""What is scored of brmr's work, with functions in place of its networks: figures known by hand."""

import dataclasses
import functools
import math

import pytest
import torch

from vsdeblur.evaluate.brmr_evaluation import brmr_evaluation
from vsdeblur.evaluate.evaluation_task import EvaluationTask
from vsdeblur.evaluate.metrics.localisation import score_regions
from vsdeblur.evaluate.report.comparison import compared_figures
from vsdeblur.evaluate.scoring import Scorer
from vsdeblur.restorers.brmr.regions import Window


def decibels(error):
    """PSNR of a constant error."""
    return 20 * math.log10(255 / error)


def lighter(levels):
    """A generator's residual that adds so many of 255 levels."""
    return lambda pictures: torch.full_like(pictures, levels / 255)


@pytest.fixture
def grey_video(fake_video):
    """Three pictures that are 20 levels too dark; a window of brmr covers all of them."""
    sharp = torch.full((3, 64, 64), 120, dtype=torch.uint8)
    return fake_video("a", [sharp - 20] * 3, [sharp] * 3)


def score(brmr_stub, evaluation_set, **stubs):
    whole = brmr_stub(**stubs)
    task = brmr_evaluation(whole, functools.partial(brmr_stub, **stubs))
    (scores,) = Scorer(whole, task=task).score([evaluation_set])
    return scores


def test_the_input_the_image_generator_and_the_loop_are_scored(brmr_stub, grey_video, make_set):
    image, patch = lighter(8), lighter(3)

    def fussy(pairs):
        """Sharper the lighter, but for what is above 115 levels: two rounds are accepted."""
        level = pairs[:, 3:].mean((1, 2, 3)) * 255
        liked = torch.where(level < 115, level, -level)[:, None, None, None]
        return torch.cat([liked, -liked], 1).expand(-1, -1, 8, 8)

    scores = score(brmr_stub, make_set(grey_video), image=image, patch=patch, critic=fussy)
    means = scores.mean_over_frames
    for state, error in (("input", 20), ("g_image", 12), ("restored", 6)):
        for channels in ("luma", "rgb"):
            assert means[f"{state}_psnr_{channels}"] == pytest.approx(decibels(error), abs=0.01)
        assert 0 < means[f"{state}_ssim_rgb"] < 1
    assert [frame.figures["restored_iterations"] for frame in scores.frames] == [2, 2, 2]


def test_a_critic_that_refuses_everything_leaves_the_image_generators_picture(
    brmr_stub, grey_video, make_set
):
    def likes_dark(pairs):
        dark = 1 - pairs[:, 3:].mean((1, 2, 3))[:, None, None, None]
        return torch.cat([dark, -dark], 1).expand(-1, -1, 8, 8)

    means = score(brmr_stub, make_set(grey_video), critic=likes_dark).mean_over_frames
    assert means["restored_iterations"] == 0
    assert means["restored_psnr_rgb"] == means["g_image_psnr_rgb"]


def test_iterations_are_a_mean_over_pictures(brmr_stub, grey_video, make_set):
    levels = iter([0.0, 0.0, 5.0, 0.0, 0.0])  # the first call is the warm-up
    task = EvaluationTask(restore=lambda window: (window, {"restored_iterations": next(levels)}))
    (scores,) = Scorer(brmr_stub(), task=task).score([make_set(grey_video)])
    (figure,) = compared_figures(scores, "brmr")
    assert figure.value == pytest.approx(5 / 3)
    assert figure.published.value == 2.3
    assert figure.text.startswith("accepted iterations, mean over frames: 1.667; published: 2.3 (")
    assert compared_figures(scores, "another")[0].published is None


def test_regions_are_looked_for_where_there_are_sharp_pictures(
    brmr_tiny, grey_video, make_set, rng
):
    pictures = list(rng.integers(0, 256, (3, 160, 160, 3), dtype="u1"))
    without = make_set(grey_video)
    with_pictures = dataclasses.replace(without, sharp_pictures=lambda: iter(pictures))
    restorer = brmr_tiny()
    task = brmr_evaluation(restorer, brmr_tiny)
    scorer = Scorer(restorer, task=task, max_frames=1)
    found, nothing = scorer.score([with_pictures, without])
    assert nothing.regions is None
    assert found.regions == score_regions(restorer.mine, pictures)
    assert found.regions.num_pictures == 3
    _, figure = compared_figures(found, "brmr")
    assert f"{figure.value:.3f} of at most {found.regions.attainable:.3f}; " in figure.text


def test_who_knows_the_regions_finds_them(stub, grey_video, make_set, rng):
    """On a picture that one window fills, there is nothing to miss."""
    pictures = list(rng.integers(0, 256, (2, 128, 128, 3), dtype="u1"))
    pictured = dataclasses.replace(make_set(grey_video), sharp_pictures=lambda: iter(pictures))
    task = EvaluationTask(
        restore=lambda w: (w[2:3], {}), localise=lambda frame: Window(0, 0, 128, 128)
    )
    (scores,) = Scorer(stub(), task=task, max_frames=1).score([pictured])
    assert (scores.regions.iou, scores.regions.attainable) == (1, 1)
