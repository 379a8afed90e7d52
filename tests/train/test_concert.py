"""Stage light as an augmentation: darker, coloured, and the same from the same seed."""

import pytest
import torch

from vsdeblur.standards import BT601
from vsdeblur.train.synthesis.camera import Draw
from vsdeblur.train.synthesis.concert import concert_look

NUM, SIZE = 16, 64


def patches(channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(NUM, channels, SIZE, SIZE, generator=generator)


def look(background, foreground=None, share=1.0, seed=3):
    foreground = patches(background.shape[1], seed=1) if foreground is None else foreground
    draw = Draw(background, torch.Generator().manual_seed(seed))
    return concert_look(background, foreground, draw, share)


@pytest.mark.parametrize("channels", [1, 3])
def test_lit_patches_are_darker_and_lamps_brighter_than_white(channels):
    background, foreground, is_concert = look(patches(channels))
    assert is_concert.dtype == torch.bool
    assert is_concert.all()
    for lit in (background, foreground):
        assert lit.shape == (NUM, channels, SIZE, SIZE)
        assert lit.min() >= 0
        assert 0.05 < lit.clamp(max=1).mean() < 0.7 * patches(channels).mean()
    # Lamps hang in the background only.
    assert (background.amax((1, 2, 3)) > 1.2).sum() > NUM // 2
    assert background.mean() > foreground.mean()


def test_no_share_changes_nothing():
    background, foreground, is_concert = look(patches(), share=0.0)
    assert not is_concert.any()
    torch.testing.assert_close(background, patches(), rtol=0, atol=0)
    torch.testing.assert_close(foreground, patches(seed=1), rtol=0, atol=0)


def test_only_the_lit_samples_change_and_nothing_is_changed_in_place():
    given = patches(1)
    background, foreground, is_concert = look(given, share=0.5)
    assert 0 < is_concert.sum() < NUM
    torch.testing.assert_close(given, patches(1), rtol=0, atol=0)
    changed = (background != given).flatten(1).any(1)
    assert torch.equal(changed, is_concert)
    assert torch.equal((foreground != patches(1, seed=1)).flatten(1).any(1), is_concert)


def test_the_same_generator_gives_the_same_light():
    for first, second in zip(look(patches()), look(patches()), strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(look(patches())[0], look(patches(), seed=4)[0])


def test_lit_luma_is_the_luma_of_the_lit_grey_picture():
    grey = patches(1)
    lit_luma, _, _ = look(grey, grey)
    lit_rgb, _, _ = look(grey.expand(-1, 3, -1, -1), grey.expand(-1, 3, -1, -1))
    luma = (lit_rgb * torch.tensor(BT601)[:, None, None]).sum(1, keepdim=True)
    torch.testing.assert_close(lit_luma, luma, rtol=0, atol=1e-6)
    colour = lit_rgb.amax(1) - lit_rgb.amin(1)
    assert colour.mean() > 0.02


def test_light_falls_on_the_scene_and_not_in_front_of_it():
    """Where the scene is black it stays black, however bright the spot."""
    scene = patches(1)
    scene[..., SIZE // 2 :, :] = 0
    _, foreground, _ = look(scene, scene)
    assert foreground[..., SIZE // 2 :, :].max() == 0
    assert foreground[..., : SIZE // 2, :].max() > 0.3


def test_half_precision_patches_keep_their_type():
    half = patches(1).half()
    background, _, _ = look(half, half)
    assert background.dtype == torch.float16
    assert background.isfinite().all()
