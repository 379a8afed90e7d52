"""Drawings and fine patterns: flat, hard-edged, from the same seed the same."""

from dataclasses import replace

import pytest
import torch

from vsdeblur.errors import DataError
from vsdeblur.train.dblrgan.window_task import WindowTask
from vsdeblur.train.material import check_sources
from vsdeblur.train.recipe import SourceSettings
from vsdeblur.train.settings import BlurSettings
from vsdeblur.train.synthesis.camera import Draw, on_twos
from vsdeblur.train.synthesis.drawings import DrawingSource, drawings
from vsdeblur.train.synthesis.patterns import with_patterns

BLUR = BlurSettings(size=48, margin=24, max_blur=8)


def draw_of(seed=3):
    return Draw(torch.zeros(1), torch.Generator().manual_seed(seed))


def generators(seed=1):
    return torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def test_drawings_are_flat_with_hard_edges():
    pictures = drawings(draw_of(), 16, 192)
    assert pictures.shape == (16, 1, 192, 192)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    steps = pictures.diff(dim=-1).abs()
    assert (steps < 1e-4).float().mean() > 0.6, "flat"
    assert (steps.amax((1, 2, 3)) > 0.25).all(), "hard"
    assert pictures.std((1, 2, 3)).min() > 0.03
    assert torch.equal(pictures, drawings(draw_of(), 16, 192))
    assert not torch.equal(pictures, drawings(draw_of(4), 16, 192))


def test_windows_of_drawings_are_mostly_sharp_and_often_doubled():
    source = DrawingSource(BLUR)
    windows = source.windows(64, *generators())
    assert windows.blurred.shape == (64, 5, 48, 48)
    assert windows.sharp.shape == (64, 1, 48, 48)
    assert not windows.is_concert.any()
    for again, first in zip(source.windows(64, *generators()), windows, strict=True):
        assert torch.equal(again, first)
    is_sharp = (windows.blurred[:, 2:3] - windows.sharp).abs().amax((1, 2, 3)) < 1e-4
    assert 0.6 < is_sharp.float().mean() < 0.95
    repeats = (windows.blurred.diff(dim=1).abs().amax((2, 3)) < 1e-6).float().mean(1)
    assert 0.15 < (repeats == 0.5).float().mean() < 0.6, "on twos"
    assert 0.1 < (repeats == 1).float().mean() < 0.5, "still"
    assert (repeats == 0).any()


def test_on_twos_every_picture_is_shown_twice_and_the_middle_one_stays():
    order = on_twos(draw_of(), 50, 2)
    assert {tuple(row) for row in order.tolist()} == {(-1, -1, 0, 0, 1), (-1, 0, 0, 1, 1)}
    assert (on_twos(draw_of(), 50, 3)[:, 3] == 0).all()


def test_a_recipe_with_drawings_needs_no_folder_for_them(recipe, options):
    drawn = replace(
        recipe, sources=recipe.sources | {"cartoon": SourceSettings(kind="drawings", weight=2)}
    )
    task = WindowTask([drawn], options)
    sources = task._sources(drawn, torch.device("cpu"))
    assert isinstance(sources[-1][0], DrawingSource)
    assert sources[-1][1] == 2
    with pytest.raises(DataError, match=r"'cartoon' of .* is drawn by code, without a folder"):
        check_sources(drawn, {"cartoon": []})
    with pytest.raises(DataError, match=r"'drawings' of .* which is for recipes of dblrgan"):
        check_sources(replace(drawn, filter="sequence"), {"photos": []})
    with pytest.raises(DataError, match="no material"):
        check_sources(drawn, {})


@pytest.mark.parametrize("channels", [1, 3])
def test_patterns_are_fine_and_on_a_share_of_the_patches(channels):
    patches = torch.full((40, channels, 96, 96), 0.5)
    after = with_patterns(patches, draw_of(), 1.0)
    assert after.shape == patches.shape
    assert after.isfinite().all()
    assert after.min() >= 0
    fine = after - torch.nn.functional.avg_pool2d(after, 9, 1, 4, count_include_pad=False)
    assert (fine.std((1, 2, 3)) > 0.005).float().mean() > 0.9
    assert torch.equal(after, with_patterns(patches, draw_of(), 1.0))
    some = (with_patterns(patches, draw_of(), 0.4) != patches).flatten(1).any(1)
    assert 0.2 < some.float().mean() < 0.6
    assert with_patterns(patches, draw_of(), 0.0) is patches


def test_a_wall_of_diodes_shows_the_picture():
    """Half of the patches: in the mean over cells the picture is there, larger than a cell."""
    ramp = torch.linspace(0.1, 0.9, 96).expand(60, 1, 96, 96)
    after = with_patterns(ramp, draw_of(), 1.0)
    columns = torch.stack([after.mean((1, 2)), ramp.mean((1, 2))], 1)  # (60, 2, 96)
    for mine, given in columns:
        assert torch.corrcoef(torch.stack([mine, given]))[0, 1] > 0.6
