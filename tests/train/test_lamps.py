"""Lamps brighter than white on training patches."""

import torch

from vsdeblur.data.photos import PhotoSet
from vsdeblur.train.recipe import SourceSettings
from vsdeblur.train.settings import BlurSettings
from vsdeblur.train.synthesis.camera import Draw
from vsdeblur.train.synthesis.lamps import with_lamps
from vsdeblur.train.synthesis.sources import PhotoSource


def lit(patches, share=1.0, seed=3):
    return with_lamps(patches, Draw(patches, torch.Generator().manual_seed(seed)), share)


def patches(channels=1, num=12):
    return 0.9 * torch.rand(num, channels, 64, 64, generator=torch.Generator().manual_seed(0))


def test_lamps_are_brighter_than_white_and_the_rest_is_darker():
    for channels in (1, 3):
        given = patches(channels)
        after = lit(given)
        assert after.shape == given.shape
        assert (after.amax((1, 2, 3)) > 1.1).float().mean() > 0.7
        assert 1e-4 < (after > 1).float().mean() < 0.1
        assert after.median() < given.median()
        assert torch.equal(after, lit(given))
        assert not torch.equal(after, lit(given, seed=4))


def test_a_share_of_the_patches_is_lit():
    given = patches(num=40)
    assert lit(given, share=0.0) is given
    changed = (lit(given, share=0.4) != given).flatten(1).any(1).float().mean()
    assert 0.2 < changed < 0.6


def test_windows_have_lamps_where_the_source_asks_for_them(train_photos):
    blur = BlurSettings(size=40, margin=16, max_blur=8)
    white = {}
    for share in (0.0, 1.0):
        settings = SourceSettings(lamp_share=share)
        source = PhotoSource(PhotoSet(train_photos, blur.patch_size), blur, settings)
        generators = [torch.Generator().manual_seed(1) for _ in range(2)]
        windows = source.windows(8, *generators)
        for part in (windows.blurred, windows.sharp):
            assert part.min() >= 0
            assert part.max() <= 1
        white[share] = (windows.sharp > 0.999).float().mean()
    assert white[1.0] > white[0.0] + 1e-3
