"""Blur made from photos: averages, centres, flow and noise are what they claim to be."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from vsdeblur.train.synthesis.camera import Draw
from vsdeblur.train.synthesis.windows import BlurSettings, blur_lengths, degrade, synthesize

SETTINGS = BlurSettings(size=48, margin=24, max_blur=12, still_share=0, highlight_share=0)


def noise_patches(num, settings=SETTINGS, seed=0):
    """Smooth random pictures, so that sampling between pixels loses little."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num, 1, settings.patch_size // 6, settings.patch_size // 6,
                        generator=generator)  # fmt: skip
    size = (settings.patch_size, settings.patch_size)
    return F.interpolate(coarse, size=size, mode="bicubic").clamp(0.05, 0.95)


def exposure_of(settings, num=4, seed=3, with_moments=True):
    generator = torch.Generator().manual_seed(seed)
    return synthesize(
        noise_patches(num, settings),
        noise_patches(num, settings, seed=1),
        settings,
        generator,
        with_moments=with_moments,
    )


def test_shapes_and_range():
    exposure = exposure_of(SETTINGS)
    assert exposure.blurred.shape == (4, 5, 1, 48, 48)
    assert exposure.sharp.shape == (4, 1, 48, 48)
    assert exposure.moments.shape == (4, 7, 1, 48, 48)
    assert exposure.flow.shape == (4, 2, 48, 48)
    for tensor in (exposure.blurred, exposure.sharp, exposure.moments):
        assert tensor.min() >= 0
        assert tensor.max() <= 1


def test_sharp_frame_is_the_photo_itself_and_the_centre_of_the_exposure():
    settings = replace(SETTINGS, object_share=0, linear_share=0)
    exposure = exposure_of(settings)
    centre = noise_patches(4, settings)[..., 24:72, 24:72]
    torch.testing.assert_close(exposure.sharp, centre, rtol=0, atol=1e-5)
    torch.testing.assert_close(exposure.moments[:, 3], exposure.sharp, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("linear_share", "exponent"), [(1.0, 2.2), (0.0, 1.0)])
def test_blur_averages_in_the_light_it_claims(linear_share, exponent):
    """A still camera and a moving edge: the mean light of a frame is that of its views."""
    settings = replace(SETTINGS, linear_share=linear_share, object_share=0, exposure=(1.0, 1.0))
    exposure = exposure_of(settings, num=8)
    light = exposure.moments**exponent
    # Seven moments, ends at half weight, are a trapezium rule for the exposure's mean light.
    weights = torch.tensor([0.5, 1, 1, 1, 1, 1, 0.5]) / 6
    mean = (light * weights[:, None, None, None]).sum(1)
    blurred = exposure.blurred[:, 2] ** exponent
    error = (blurred - mean).abs().mean()
    other = 1.0 if exponent == 2.2 else 2.2
    wrong = (exposure.moments**other * weights[:, None, None, None]).sum(1) ** (1 / other)
    wrong_error = (exposure.blurred[:, 2] - wrong).abs().mean()
    assert error < 0.01
    assert error < wrong_error


@pytest.mark.parametrize("depth_share", [0.0, 1.0])
def test_flow_leads_from_the_first_moment_to_the_last(depth_share):
    settings = replace(
        SETTINGS, object_share=0, linear_share=0, max_blur=8, depth_share=depth_share
    )
    exposure = exposure_of(settings)
    axis = torch.arange(48) + 0.5
    here = torch.stack([axis.expand(48, 48), axis[:, None].expand(48, 48)])
    where = (here + exposure.flow).permute(0, 2, 3, 1) * (2 / 48) - 1
    last = F.grid_sample(exposure.moments[:, -1], where, align_corners=False)
    inside = where.abs().amax(-1) < 0.9
    difference = (last - exposure.moments[:, 0])[:, 0].abs()[inside]
    unwarped = (exposure.moments[:, -1] - exposure.moments[:, 0])[:, 0].abs()[inside]
    assert exposure.flow.abs().max() > 1
    assert difference.mean() < 0.01
    assert difference.mean() < unwarped.mean() / 4


def test_blur_length_is_bounded_and_reaches_far():
    """With no object, the true flow of a window stays within the longest blur asked for."""
    settings = replace(SETTINGS, object_share=0, max_blur=20, blur_exponent=0.5)
    lengths = torch.cat([
        exposure_of(settings, seed=seed).flow.norm(dim=1).mean((1, 2)) for seed in range(12)
    ])  # fmt: skip
    assert lengths.max() <= 20 * 1.3  # corners turn further than the centre shifts
    assert lengths.max() > 5


def test_no_ghosts_a_moving_dot_leaves_an_unbroken_trace():
    """Views are at most a pixel apart: the trace of a dot has no gap."""
    settings = replace(SETTINGS, object_share=0, linear_share=0, exposure=(1.0, 1.0), max_blur=16,
                       blur_exponent=0.1)  # fmt: skip
    photo = torch.zeros(1, 1, settings.patch_size, settings.patch_size)
    photo[..., 46:49, 46:49] = 1
    generator = torch.Generator().manual_seed(5)
    blurred = synthesize(photo, photo, settings, generator).blurred[0, 2, 0]
    trace = blurred > 0.2 * blurred.max()
    grown = F.max_pool2d(trace[None, None].float(), 3, 1, 1)[0, 0] > 0
    start = trace.nonzero()[0]
    reached = torch.zeros_like(trace)
    reached[tuple(start)] = True
    for _ in range(200):
        reached = (F.max_pool2d(reached[None, None].float(), 3, 1, 1)[0, 0] > 0) & grown
    assert reached[trace].all()
    assert trace.sum() > 9


def test_same_seed_same_blur():
    first, second = exposure_of(SETTINGS), exposure_of(SETTINGS)
    torch.testing.assert_close(first.blurred, second.blurred, rtol=0, atol=0)


def test_a_still_camera_blurs_nothing():
    settings = replace(SETTINGS, still_share=1.0, object_share=0)
    exposure = exposure_of(settings)
    for number in range(5):
        torch.testing.assert_close(exposure.blurred[:, number], exposure.sharp, rtol=0, atol=1e-5)


def test_noise_has_the_strength_asked_for_and_is_quantised():
    grey = torch.full((64, 1, 32, 32), 0.5)
    generator = torch.Generator().manual_seed(0)
    noisy = degrade(grey, generator, min_sigma=0.02, max_sigma=0.02)
    assert 0.02 * 0.7 * 0.9 < noisy.std() < 0.02 * 1.1  # shot noise is weaker in grey than white
    torch.testing.assert_close(noisy * 255, (noisy * 255).round(), rtol=0, atol=1e-4)


def test_a_lamp_brighter_than_white_leaves_a_white_streak():
    """Light is averaged first and clipped afterwards."""
    settings = replace(SETTINGS, object_share=0, linear_share=1, exposure=(1.0, 1.0), max_blur=12,
                       blur_exponent=0.1)  # fmt: skip
    photo = torch.full((1, 1, settings.patch_size, settings.patch_size), 0.05)
    white = {}
    for code in (1.0, 5.0):
        photo[..., 46:49, 46:49] = code
        exposure = synthesize(photo, photo, settings, torch.Generator().manual_seed(5))
        white[code] = int((exposure.blurred[0, 2] > 0.99).sum())
        assert (exposure.sharp > 0.99).sum() == 9
    assert white[1.0] == 0
    assert white[5.0] > 9


def test_an_instant_shutter_freezes_what_moves():
    settings = replace(SETTINGS, instant_share=1.0, max_blur=12, blur_exponent=0.1)
    exposure = exposure_of(settings)
    torch.testing.assert_close(exposure.blurred[:, 2], exposure.sharp, rtol=0, atol=1e-5)
    assert (exposure.blurred[:, 3] - exposure.sharp).abs().mean() > 0.02
    assert exposure.flow.abs().max() < 1e-4


def test_long_blur_is_longer():
    def lengths(settings):
        draws = [Draw(torch.zeros(1), torch.Generator().manual_seed(seed)) for seed in range(300)]
        return torch.cat([blur_lengths(draw, settings, 4)[0] for draw in draws])

    usual, longer = (lengths(replace(SETTINGS, long_share=share)) for share in (0.0, 1.0))
    some = lengths(replace(SETTINGS, long_share=0.5))
    assert usual.mean() * 1.15 < longer.mean()
    assert usual.mean() < some.mean() < longer.mean()
    assert longer.max() <= SETTINGS.max_blur


def test_with_depth_parts_of_the_photo_move_unlike_each_other():
    """By the camera's sideways movement, the nearest part as far as without depth."""
    settings = replace(SETTINGS, object_share=0, max_blur=12, blur_exponent=0.3)
    flat, deep = (exposure_of(replace(settings, depth_share=share), num=16) for share in (0.0, 1.0))
    torch.testing.assert_close(deep.sharp, flat.sharp, rtol=0, atol=1e-5)
    lengths = [exposure.flow.norm(dim=1).flatten(1) for exposure in (flat, deep)]
    assert (lengths[1].amax(1) < lengths[0].amax(1) + 0.5).all()
    spread = [(length.amax(1) / length.amin(1).clamp_min(0.1)).median() for length in lengths]
    assert spread[1] - 1 > 2 * (spread[0] - 1)
    settings = replace(settings, depth_share=1.0)
    assert exposure_of(replace(settings, object_share=1.0)).blurred.isfinite().all()


def test_a_share_of_the_windows_has_depth():
    settings = replace(SETTINGS, object_share=0, max_blur=12, blur_exponent=0.3)
    flat, some = (exposure_of(replace(settings, depth_share=share), num=64) for share in (0.0, 0.3))
    changed = (flat.blurred - some.blurred).abs().amax((1, 2, 3, 4)) > 1e-3
    assert 0.1 < changed.float().mean() < 0.5
