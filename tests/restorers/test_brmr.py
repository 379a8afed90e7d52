"""Adversarial BRMR: what is mined, when the critic accepts, and what it looks at."""

from functools import partial

import pytest
import torch
from brmr_stand_ins import brighter, likes_darkness, likes_light, nothing, picture

from vsdeblur.models.brmr import HeatMaps
from vsdeblur.models.pix2pix import CAMDiscriminator
from vsdeblur.restorers.brmr.critic import Change, Critic, margin
from vsdeblur.restorers.brmr.regions import Window


@pytest.fixture
def make(brmr_stub):
    """Makes a restorer of functions; by default each window is made lighter, and gains by it."""
    return brmr_stub


# Algorithm 1


def test_a_critic_that_always_rejects_leaves_the_image_generators_picture(make):
    result = make(image=partial(brighter, step=0.2), critic=likes_darkness).analyse(picture())
    torch.testing.assert_close(result.restored, picture() + 0.2, rtol=0, atol=1e-6)
    assert (result.iterations, result.windows) == (0, ())
    assert result.mask.max() == 0


@pytest.mark.parametrize("bound", [0, 1, 5, 16])
def test_a_critic_that_always_accepts_stops_at_the_bound(make, bound):
    result = make(max_iterations=bound).analyse(picture())
    assert result.iterations == len(result.windows) == bound
    assert (result.sharpness > result.sharpness_input) == (bound > 0)


def test_a_refinement_that_gains_nothing_is_rejected(make):
    result = make(patch=nothing).analyse(picture())
    assert result.iterations == 0
    torch.testing.assert_close(result.restored, picture(), rtol=0, atol=0)


def test_the_most_blurred_window_is_refined_and_then_the_next(make):
    restorer = make(patch=partial(brighter, step=0.3), feather=0, max_iterations=2)
    result = restorer.analyse(picture())
    assert result.windows[0] == Window(128, 64, 128, 128)
    assert result.windows[1] != result.windows[0]
    expected = picture()
    for window in result.windows:
        expected[:, window.rows, window.columns] += 0.3
    torch.testing.assert_close(result.restored, expected.clamp(0, 1), rtol=0, atol=1e-6)


def test_refinement_stops_at_the_first_window_that_does_not_gain(make):
    def patch(pictures):
        # Dark windows get lighter; once the darkest is lighter than 0.45, darker.
        return torch.where(
            pictures.mean((1, 2, 3), keepdim=True) < 0.45, 0.1, -0.1
        ) * torch.ones_like(pictures)

    result = make(patch=patch, feather=0, max_iterations=50).analyse(picture())
    assert 0 < result.iterations < 50
    (worst,) = make().analyse(picture()).windows[:1]
    assert result.restored[:, worst.rows, worst.columns].mean() >= 0.45


def test_the_patch_generator_sees_the_candidate_and_the_image_generator_the_input(make):
    seen = {}

    def image(pictures):
        seen["image"] = pictures.clone()
        return torch.full_like(pictures, 0.25)

    def patch(pictures):
        seen.setdefault("patch", pictures.clone())
        return nothing(pictures)

    make(image=image, patch=patch).analyse(picture())
    torch.testing.assert_close(seen["image"][0], picture(), rtol=0, atol=0)
    expected = picture()[:, 64:192, 128:256] + 0.25
    torch.testing.assert_close(seen["patch"][0], expected, rtol=0, atol=1e-6)


def test_the_critic_compares_with_the_blurred_picture(make):
    seen = []

    def critic(pairs):
        seen.append(pairs[:, :3].clone())
        return likes_light(pairs)

    make(critic=critic, max_iterations=1).analyse(picture())
    torch.testing.assert_close(seen[0][0], picture(), rtol=0, atol=0)
    torch.testing.assert_close(seen[-1][0], picture()[:, 64:192, 128:256], rtol=0, atol=0)


def test_confidences_are_those_of_input_and_result(make):
    def confidence(frame):
        return torch.sigmoid(2 * frame.mean()).item()

    result = make(max_iterations=3).analyse(picture())
    assert result.sharpness_input == pytest.approx(confidence(picture()), abs=1e-6)
    assert result.sharpness == pytest.approx(confidence(result.restored), abs=1e-6)


def test_very_sure_critics_still_compare(make):
    # delta is 1.0 for all of these in float32, but the logits differ.
    result = make(critic=lambda pairs: likes_light(pairs) * 500, max_iterations=3).analyse(
        picture()
    )
    assert result.sharpness_input == result.sharpness == 1
    assert result.iterations == 3


# Regions


def test_several_regions_are_refined_in_a_round(make):
    calls = []

    def patch(pictures):
        calls.append(len(pictures))
        return brighter(pictures)

    result = make(patch=patch, regions=3, max_iterations=2).analyse(picture(512, 512))
    assert calls == [3, 3]
    assert result.iterations == 2
    assert len(result.windows) == 6


def test_of_several_regions_those_are_kept_that_each_gain(make):
    def patch(pictures):
        dark = pictures.mean((1, 2, 3), keepdim=True) < 0.45
        return torch.where(dark, 0.01, -0.01) * torch.ones_like(pictures)

    start = picture(512, 512)
    result = make(patch=patch, regions=9, feather=0, max_iterations=1).analyse(start)
    assert 0 < len(result.windows) < 9
    for window in result.windows:
        assert start[:, window.rows, window.columns].mean() < 0.45
    assert (result.restored >= start).all()


def test_regions_that_gain_only_apart_leave_the_best_alone(make):
    # One lightened window is sharp, several are blurred.
    def critic(pairs):
        changed = (pairs[:, 3:] - pairs[:, :3]).mean((1, 2, 3)) * pairs[0, 0].numel() / 128**2
        score = torch.where(changed < 0.015, changed, -changed)
        share = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 1e-6
        return score[:, None, None, None] * torch.tensor([1.0, -1.0])[:, None, None] + share

    whole = {"critic_reach": None}
    result = make(critic=critic, facts=whole, regions=4, feather=0, max_iterations=1).analyse(
        picture(512, 512)
    )
    assert len(result.windows) == 1
    assert result.sharpness > result.sharpness_input


def test_one_region_is_algorithm_1_whatever_the_critic_looks_at(make):
    near = make(max_iterations=4).analyse(picture())
    whole = make(max_iterations=4, facts={"critic_reach": None}).analyse(picture())
    assert near.windows == whole.windows
    torch.testing.assert_close(near.restored, whole.restored, rtol=0, atol=0)
    assert near.sharpness == pytest.approx(whole.sharpness, abs=1e-6)


@pytest.mark.parametrize(
    "window", [Window(0, 0, 128, 128), Window(192, 128, 128, 128), Window(128, 64, 128, 128)]
)
def test_looking_near_a_change_sees_what_looking_at_all_of_it_does(window):
    torch.manual_seed(2)
    network = HeatMaps(CAMDiscriminator(width=4, normalize=False)).requires_grad_(False)
    near, whole = Critic(network, 15), Critic(network, None)
    blurred, candidate = torch.rand(3, 256, 320), torch.rand(3, 256, 320)
    heat = near.look(blurred, candidate)
    change = Change(window, torch.rand(3, 128, 128))
    (seen,) = near.look_at_each(blurred, candidate, heat, [change])
    (expected,) = whole.look_at_each(blurred, candidate, heat, [change])
    assert abs(margin(expected) - margin(heat)) > 1e-4
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-5)


def test_looking_again_sees_all_changes():
    torch.manual_seed(2)
    network = HeatMaps(CAMDiscriminator(width=4, normalize=False)).requires_grad_(False)
    critic = Critic(network, 15)
    blurred, candidate = torch.rand(3, 256, 320), torch.rand(3, 256, 320)
    windows = [Window(0, 0, 128, 128), Window(128, 64, 128, 128)]
    changed = candidate.clone()
    for window in windows:
        changed[:, window.rows, window.columns] = torch.rand(3, 128, 128)
    seen = critic.look_again(blurred, changed, critic.look(blurred, candidate), windows)
    torch.testing.assert_close(seen, critic.look(blurred, changed), rtol=0, atol=1e-5)
