"""Depth over photos: nothing folds, and what a pixel shows is seen at that pixel."""

import torch

from vsdeblur.train.synthesis.camera import Draw
from vsdeblur.train.synthesis.parallax import Parallax, random_nearness

SIZE, VIEW = 192, 96


def nearness_of(num=12, reach=20.0, seed=0):
    draw = Draw(torch.zeros(1), torch.Generator().manual_seed(seed))
    return random_nearness(draw, num, SIZE, torch.full((num,), reach))


def test_the_nearest_part_has_nearness_one_and_the_farthest_more_than_none():
    nearness = nearness_of(reach=2.0)
    assert nearness.shape == (12, 1, SIZE // 8, SIZE // 8)
    torch.testing.assert_close(nearness.amax((1, 2, 3)), torch.ones(12))
    assert nearness.min() > 0.05
    assert nearness.amin((1, 2, 3)).max() < 0.75
    assert torch.equal(nearness, nearness_of(reach=2.0))


def test_where_the_camera_moves_far_depth_is_shallow():
    steepest = nearness_of(reach=300.0).diff(dim=2).abs().max() / 8
    assert 0 < steepest * 300 <= 0.71


def test_each_pixel_shows_what_is_seen_there():
    """q = scale * p + offset * nearness(q), to a twentieth of a pixel."""
    parallax = Parallax(nearness_of(), SIZE, VIEW)
    scale = torch.polar(torch.tensor(1.02), torch.tensor(0.05)).expand(12, 2)
    offset = torch.tensor([14 + 8j, -3 - 19j]).expand(12, 2)
    places = parallax.places(scale, offset)
    axis = torch.arange(VIEW) + 0.5 - VIEW / 2
    pixels = torch.complex(axis.expand(VIEW, VIEW), axis[:, None].expand(VIEW, VIEW))
    near = parallax.at(places)
    seen = (places - offset[..., None, None] * near) / scale[..., None, None]
    error = (seen - pixels).abs()
    assert error.mean() < 0.05
    assert error.max() < 0.5
    assert near.std() > 0.02
    right, down = places.diff(dim=-1).real, places.diff(dim=-2).imag
    assert min(right.min(), down.min()) > 0.2, "folded"
