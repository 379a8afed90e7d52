"""Adversarial BRMR: what becomes of a picture: seams, values, options, sizes, tiles, noise."""

from functools import partial

import pytest
import torch
from brmr_stand_ins import brighter, nothing, picture
from torch.nn import functional as F

from vsdeblur.errors import DeblurError
from vsdeblur.restorers.brmr.regions import Window


@pytest.fixture
def make(brmr_stub):
    """Makes a restorer of functions; by default each window is made lighter, and gains by it."""
    return brmr_stub


@pytest.fixture
def tiny(brmr_tiny):
    return brmr_tiny


# Seams


def step_at_the_border(restored, window):
    """Largest jump between neighbouring pixels across the window's four borders."""
    left, top = window.left, window.top
    right, bottom = left + window.width, top + window.height
    inside = restored[:, top:bottom], restored[:, :, left:right]
    return max(
        float((inside[0][:, :, left] - inside[0][:, :, left - 1]).abs().max()),
        float((inside[0][:, :, right] - inside[0][:, :, right - 1]).abs().max()),
        float((inside[1][:, top] - inside[1][:, top - 1]).abs().max()),
        float((inside[1][:, bottom] - inside[1][:, bottom - 1]).abs().max()),
    )


@pytest.mark.parametrize(("feather", "most"), [(0, 0.21), (8, 0.03), (32, 0.01)])
def test_the_feather_hides_the_seams(make, feather, most):
    restorer = make(patch=partial(brighter, step=0.2), feather=feather, max_iterations=1)
    flat = torch.full((3, 512, 512), 0.5)
    flat[:, 200:300, 200:300] = 0.4
    window = restorer.analyse(flat).windows[0]
    change = restorer.analyse(flat).restored - flat
    assert change.max() == pytest.approx(0.2, abs=1e-6)
    assert most / 4 < step_at_the_border(change, window) <= most


def test_the_mask_is_what_the_refined_windows_weigh(make):
    restorer = make(patch=partial(brighter, step=0.1), max_iterations=1)
    result = restorer.analyse(picture())
    change = (result.restored - picture())[0]
    torch.testing.assert_close(change, 0.1 * result.mask, rtol=0, atol=1e-6)
    assert result.mask.max() == 1


# Values and options


def test_values_beyond_the_nominal_range_are_kept(make):
    frame = torch.rand(3, 64, 64)
    frame[0, 0, :4] = torch.tensor([-0.25, 1.25, 1.0, 0.0])
    result = make(patch=nothing).analyse(frame)
    torch.testing.assert_close(result.restored, frame, rtol=0, atol=0)


@pytest.mark.parametrize("step", [-5.0, 5.0])
def test_the_picture_is_clamped_to_the_nominal_range(make, step):
    result = make(image=partial(brighter, step=step), patch=nothing).analyse(torch.rand(3, 64, 64))
    torch.testing.assert_close(
        result.restored, torch.full((3, 64, 64), float(step > 0)), rtol=0, atol=1e-6
    )


def test_a_model_that_gives_the_picture_itself_is_not_added_to_the_input(make):
    restorer = make(
        image=lambda pictures: torch.full_like(pictures, 0.7),
        adds_middle_frame=False,
        max_iterations=0,
    )
    restored = restorer.analyse(picture()).restored
    torch.testing.assert_close(restored, torch.full_like(restored, 0.7), rtol=0, atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_blends_input_and_result(make, strength):
    whole = make(max_iterations=2).analyse(picture()).restored
    blended = make(max_iterations=2, strength=strength).analyse(picture()).restored
    torch.testing.assert_close(blended, torch.lerp(picture(), whole, strength), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("bound", "skipped"), [(0.1, True), (0.99, False), (None, False)])
def test_pictures_that_are_sharp_enough_pass_untouched(make, bound, skipped):
    calls = []
    restorer = make(image=lambda pictures: calls.append(1) or brighter(pictures), skip_above=bound)
    result = restorer.analyse(picture())
    assert result.skipped == skipped
    assert bool(calls) != skipped
    if skipped:
        torch.testing.assert_close(result.restored, picture(), rtol=0, atol=0)
        assert result.sharpness == result.sharpness_input > bound
        assert result.iterations == 0


def test_the_heat_map_is_the_share_of_blur_in_the_input(make):
    calls = []
    restorer = make(image=lambda pictures: calls.append(1) or brighter(pictures))
    frame = picture(64, 100)
    heatmap, sharpness = restorer.heatmap(frame)
    assert not calls
    assert heatmap.shape == (64, 100)
    cells = F.avg_pool2d(frame[:1, :, :96], 8)[0]
    torch.testing.assert_close(
        F.avg_pool2d(heatmap[None, :, :96], 8)[0], torch.sigmoid(-2 * cells), rtol=0, atol=0.01
    )
    result = restorer.analyse(frame)
    torch.testing.assert_close(result.heatmap, heatmap, rtol=0, atol=0)
    assert result.sharpness_input == sharpness


def test_restore_gives_what_is_asked_for(make):
    frame = picture(64, 96)
    result = make(max_iterations=1).analyse(frame)
    expected = {
        "restored": result.restored,
        "heatmap": result.heatmap.expand(3, -1, -1),
        "mask": result.mask.expand(3, -1, -1),
        "overlay": make().overlay(frame, result),
    }
    for output, wanted in expected.items():
        restored = make(max_iterations=1, output=output).restore(frame[None])
        assert restored.shape == (1, 3, 64, 96)
        torch.testing.assert_close(restored[0], wanted, rtol=0, atol=0)


def test_the_overlay_is_hotter_where_it_is_blurred_and_outlines_the_windows(make):
    frame = torch.full((3, 256, 256), 0.5)
    result = make(max_iterations=0).analyse(frame)
    plain = make().overlay(frame, result)
    hot = make().overlay(
        frame, result.__class__(**{**vars(result), "heatmap": torch.ones(256, 256)})
    )
    assert (hot[0] > plain[0]).all()
    outlined = make().overlay(
        frame, result.__class__(**{**vars(result), "windows": (Window(64, 32, 128, 128),)})
    )
    changed = (outlined != plain).any(0).nonzero()
    assert changed.min(0).values.tolist() == [32, 64]
    assert changed.max(0).values.tolist() == [159, 191]
    assert not (outlined != plain)[:, 80:90, 100:110].any()


@pytest.mark.parametrize("part", ["g_image", "d_image", "g_patch"])
def test_a_number_that_is_none_is_refused(make, part):
    def broken(pictures):
        return torch.full((len(pictures), 2, 32, 40), float("nan")) if part == "d_image" else (
            pictures * float("inf")
        )  # fmt: skip

    names = {"g_image": "image", "d_image": "critic", "g_patch": "patch"}
    with pytest.raises(DeblurError, match=r"NaN or infinite; use precision='fp32'"):
        make(**{names[part]: broken}).analyse(picture())


# Sizes, tiles, noise: with real networks


@pytest.mark.parametrize("critic_reach", [15, None])
@pytest.mark.parametrize(
    ("height", "width"), [(32, 32), (16, 16), (33, 47), (130, 127), (200, 300)]
)
def test_any_size_is_restored(tiny, height, width, critic_reach):
    frame = torch.rand(3, height, width)
    result = tiny(critic_reach=critic_reach, max_iterations=2).analyse(frame)
    assert result.restored.shape == (3, height, width)
    assert result.heatmap.shape == result.mask.shape == (height, width)
    assert (result.restored - frame).abs().max() > 4 / 255
    for window in result.windows:
        assert window.left + window.width <= width
        assert window.top + window.height <= height


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1500, 2000)])
def test_large_frames_are_restored(tiny, height, width):
    result = tiny(max_iterations=2, regions=3).analyse(torch.rand(3, height, width))
    assert result.restored.shape == (3, height, width)


def test_tiles_of_another_tone_are_blended_without_a_seam(make):
    tones = iter(range(100))

    def image(pictures):
        return torch.full_like(pictures, 0.05 * next(tones))

    frame = torch.full((3, 600, 1300), 0.2)
    restored = make(image=image, max_iterations=0, tile=(512, 512)).analyse(frame).restored
    assert restored.max() - restored.min() > 0.2
    assert restored.diff(dim=1).abs().max() <= 0.2 / 100
    assert restored.diff(dim=2).abs().max() <= 0.05 / 100


def test_dropout_is_seeded_by_seed_and_frame_number(tiny):
    frame = torch.rand(1, 3, 64, 64)
    quiet = tiny().restore(frame)
    first = tiny(dropout=True, seed=1).restore(frame, 7)
    torch.testing.assert_close(tiny(dropout=True, seed=1).restore(frame, 7), first, rtol=0, atol=0)
    for other in (
        quiet,
        tiny(dropout=True, seed=1).restore(frame, 8),
        tiny(dropout=True, seed=2).restore(frame, 7),
    ):
        assert (other - first).abs().max() > 1e-4


def test_dropout_does_not_touch_the_generators_of_others(tiny):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    tiny_restorer = tiny(dropout=True)
    torch.manual_seed(5)
    tiny_restorer.restore(torch.zeros(1, 3, 32, 32))
    torch.testing.assert_close(torch.rand(1), expected, rtol=0, atol=0)
