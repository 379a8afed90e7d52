"""The guard: neighbours brought to the middle frame's light, or replaced."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vsdeblur.restorers.frame_measures import cell_means
from vsdeblur.restorers.window_guard import apply_plan, plan_window

SIZE = (240, 320)
ITSELF = (-2, -1, 0, 1, 2)


def scene(seed, size=(320, 400)):
    """A picture with coarse and fine detail, (H, W) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(size)
    for step, strength in ((80, 0.5), (32, 0.4), (8, 0.3)):
        coarse = torch.rand(1, 1, size[0] // step + 2, size[1] // step + 2, generator=generator)
        smooth = F.interpolate(coarse, size, mode="bicubic", align_corners=False)[0, 0]
        total += strength * (smooth - 0.5)
    return (0.45 + total).clamp(0.03, 1)


def window_of(picture, step=(2, 5), size=SIZE):
    """Five frames over which the view moves by `step` pixels a frame."""
    frames = []
    for t in range(-2, 3):
        top, left = 40 + t * step[0], 40 + t * step[1]
        frames.append(picture[top : top + size[0], left : left + size[1]])
    return torch.stack(frames)


def plan_of(frames, offsets=None):
    return plan_window([cell_means(frame).numpy() for frame in frames], offsets)


@pytest.fixture
def frames():
    return window_of(scene(1))


@pytest.fixture
def others():
    return window_of(scene(2))


# What stays as it is


@pytest.mark.parametrize("step", [(0, 0), (1, 2), (5, -3), (-12, 8), (0, 20)])
def test_views_that_move_stay_as_they_are(step):
    frames = window_of(scene(1, (400, 500)), step)
    assert apply_plan(plan_of(frames), frames) is frames


def test_zoom_stays_as_it_is():
    picture = scene(1)
    frames = []
    for t in range(-2, 3):
        height, width = 200 + 8 * t, 260 + 10 * t
        part = picture[150 - height // 2 :, 190 - width // 2 :][:height, :width]
        frames.append(F.interpolate(part[None, None], SIZE, mode="bilinear")[0, 0])
    assert plan_of(frames).changes_nothing


def test_objects_that_move_stay_as_they_are(frames, others):
    for t, frame in enumerate(frames):
        frame[60:140, 30 + 25 * t : 110 + 25 * t] = others[0][:80, :80]
    assert plan_of(frames).changes_nothing


def test_a_little_more_or_less_light_stays_as_it_is(frames):
    gains = torch.tensor([0.93, 1.06, 1, 0.97, 1.05])
    assert plan_of(frames * gains[:, None, None]).changes_nothing


def test_noise_in_a_flat_picture_stays_as_it_is():
    assert plan_of(0.5 + 0.02 * torch.randn(5, *SIZE)).changes_nothing


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_windows_of_one_brightness_stay_as_they_are(level):
    assert plan_of(torch.full((5, *SIZE), level)).changes_nothing


def test_slow_dissolves_stay_as_they_are(frames, others):
    share = 0.5 + 0.04 * torch.arange(-2, 3)[:, None, None]
    assert plan_of(frames * (1 - share) + others * share).changes_nothing


@pytest.mark.parametrize("size", [(16, 16), (24, 32), (48, 48), (8, 200)])
def test_small_pictures_stay_as_they_are(size):
    frames = torch.rand(5, *size)
    frames[1] = 0
    assert apply_plan(plan_of(frames), frames) is frames


@pytest.mark.parametrize("size", [(16, 640), (640, 16), (70, 66)])
def test_odd_shapes_are_compared_too(size):
    frames = window_of(scene(1, (740, 760)), (2, 2), size)
    assert plan_of(frames).changes_nothing
    frames[3:] = 0
    assert plan_of(frames).offsets == (-2, -1, 0, 0, 0)


# Light


@pytest.mark.parametrize("level", [0.2, 0.3, 0.7, 1.5])
def test_neighbours_are_brought_to_the_middle_frames_light(frames, level):
    steady = (frames * 0.6).clone()
    lit = steady.clone()
    lit[2] *= level
    plan = plan_of(lit)
    assert plan.offsets == ITSELF
    for light in plan.lights[:2] + plan.lights[3:]:
        assert light.gains[0] == pytest.approx(level, rel=0.06)
    torch.testing.assert_close(apply_plan(plan, lit), steady * level, rtol=0, atol=0.06)
    assert torch.equal(apply_plan(plan, lit)[2], lit[2])


def test_each_neighbour_has_its_own_gain(frames):
    levels = torch.tensor([0.5, 1, 0.8, 0.4, 0.75])
    gains = [light.typical for light in plan_of(frames * levels[:, None, None]).lights]
    assert gains == pytest.approx([1.6, 0.8, 1, 2, 1], rel=0.06)


def test_relit_frames_stay_within_range_and_keep_their_type(frames):
    frames = frames.clone()
    frames[[0, 1, 3, 4]] *= 0.3
    frames[1, :16] = 1  # a lamp that is lit all along
    window = frames.bfloat16()
    before = window.clone()
    guarded = apply_plan(plan_of(window), window)
    assert guarded.dtype is torch.bfloat16
    assert guarded[1].max() == 1
    assert torch.equal(window, before)


@pytest.mark.parametrize("by_column", [False, True])
def test_a_light_that_goes_on_while_the_shutter_rolls_is_evened_out(frames, by_column):
    lit = frames.clone()
    (lit.mT if by_column else lit)[3, 130:] *= 0.3
    plan = plan_of(lit)
    assert plan.offsets == ITSELF
    assert plan.lights[3].by_column == by_column
    guarded = apply_plan(plan, lit)
    before, after = ((w[3] - frames[3]).abs().mean() for w in (lit, guarded))
    assert after < 0.2 * before
    assert torch.equal(guarded[[0, 1, 2, 4]], frames[[0, 1, 2, 4]])


def test_bands_of_light_reach_beyond_the_picture_to_what_was_added(frames):
    lit = frames.clone()
    lit[3, 130:] *= 0.3
    padded = F.pad(lit, (0, 8, 0, 8), mode="replicate")
    guarded = apply_plan(plan_of(lit), padded)
    torch.testing.assert_close(guarded[3, -8:, -8:], guarded[3, -9:-8, -9:-8].expand(8, 8))


def test_what_is_far_too_dark_is_replaced(frames):
    frames[[1, 3]] *= 0.08
    assert plan_of(frames).offsets == (0, 0, 0, 0, 0)


# What shows something else


@pytest.mark.parametrize(
    ("places", "offsets"),
    [
        ([3, 4], (-2, -1, 0, 0, 0)),
        ([0, 1], (0, 0, 0, 1, 2)),
        ([0, 1, 3, 4], (0, 0, 0, 0, 0)),
        ([4], (-2, -1, 0, 1, 1)),
        ([0], (-1, -1, 0, 1, 2)),
        ([0, 4], (-1, -1, 0, 1, 1)),
        ([3], (-2, -1, 0, 0, 0)),
    ],
)
@pytest.mark.parametrize("content", ["black", "white", "another scene"])
def test_frames_of_something_else_are_replaced_by_the_nearest_that_belongs(
    frames, others, places, offsets, content
):
    odd = frames.clone()
    odd[places] = {"black": torch.zeros_like, "white": torch.ones_like}.get(
        content, lambda _: others[places]
    )(odd[places])
    plan = plan_of(odd)
    assert plan.offsets == offsets
    assert torch.equal(apply_plan(plan, odd), frames[[2 + offset for offset in offsets]])


def test_another_scene_in_the_same_light_as_the_relit_frames_is_replaced(frames, others):
    odd = frames.clone()
    odd[:2] *= 0.4
    odd[3:] = others[3:] * 0.4
    plan = plan_of(odd)
    assert plan.offsets == (-2, -1, 0, 0, 0)
    assert [light.typical for light in plan.lights] == pytest.approx([2.5, 2.5, 1, 1, 1], rel=0.06)


def test_quick_dissolves_lose_what_shows_the_other_scene(frames, others):
    share = torch.tensor([0, 0, 0, 0.3, 1])[:, None, None]
    plan = plan_of(frames * (1 - share) + others * share)
    assert plan.offsets[:3] == (-2, -1, 0)
    assert plan.offsets[4] != 2


def test_a_lit_wall_that_changes_does_not_cost_the_neighbours(frames, others):
    frames[3:, 60:140, 60:180] = others[3:, 60:140, 60:180]
    assert plan_of(frames).offsets == ITSELF


def test_frames_that_a_marked_cut_has_repeated_are_not_asked_again(frames):
    frames[0] *= 0.4
    repeated = frames[[1, 1, 2, 2, 2]]
    plan = plan_of(repeated, (-1, -1, 0, 0, 0))
    assert plan.offsets == (-1, -1, 0, 0, 0)
    assert plan.changes_nothing


def test_repeated_frames_are_relit_and_replaced_with_the_one_that_they_repeat(frames):
    repeated = frames[[1, 1, 2, 3, 3]].clone()
    repeated[:2] *= 0.5
    repeated[3:] = 0
    plan = plan_of(repeated, (-1, -1, 0, 1, 1))
    assert plan.offsets == (-1, -1, 0, 0, 0)
    assert [light.typical for light in plan.lights[:2]] == pytest.approx([2, 2], rel=0.06)


# Numbers


def test_what_is_no_number_counts_as_black_and_stays_where_it_is(frames):
    broken = frames.clone()
    broken[3, 7, 7] = torch.nan
    plan = plan_of(broken)
    assert plan.offsets == ITSELF
    assert np.isfinite([gain for light in plan.lights for gain in light.gains]).all()
    assert plan_of(torch.full((5, *SIZE), torch.nan)).changes_nothing


def test_plans_are_a_matter_of_the_windows_own_frames(frames, others):
    odd = frames.clone()
    odd[0] *= 0.4
    odd[4] = others[4]
    first = plan_of(odd)
    plan_of(others)
    assert plan_of(odd) == first


def test_a_plan_is_told_by_offsets_and_gains_in_percent(frames):
    odd = frames.clone()
    odd[0:2] *= 0.5
    odd[3:] = 0
    assert plan_of(frames).numbers == [-2, -1, 0, 1, 2, 100, 100, 100, 100, 100]
    numbers = plan_of(odd).numbers
    assert numbers[:5] == [-2, -1, 0, 0, 0]
    assert numbers[5:] == pytest.approx([200, 200, 100, 100, 100], rel=0.06)
    assert all(isinstance(number, int) for number in numbers)
