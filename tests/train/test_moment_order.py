"""The order of moments that the blurred frame decides."""

import pytest
import torch
from torch.nn import functional as F

from vsdeblur.train.sequence.moment_order import mean_motion, moves_left, turned_round


def moving(*steps):
    """Seven moments of a picture that moves by so many pixels each time; one scene a step."""
    torch.manual_seed(0)
    picture = F.avg_pool2d(torch.rand(1, 1, 300, 300), 9, 1, 4)[0, 0]
    return torch.stack(
        [
            torch.stack(
                [picture[99 - i * y : 195 - i * y, 99 - i * x : 195 - i * x] for i in range(7)]
            )
            for x, y in steps
        ]
    )


@pytest.mark.parametrize("step", [(2, 0), (0, 3), (4, 1), (-3, 5)])
def test_direction_is_that_of_the_movement(step):
    found = mean_motion(moving(step))[0]
    true = torch.tensor(step, dtype=torch.float32)
    cosine = F.cosine_similarity(found, true, dim=0)
    assert cosine > 0.97
    assert 0.5 < found.norm() * 4 / true.norm() < 2


def test_only_what_moves_left_is_turned_round():
    turned = moves_left(moving((2, 0), (-2, 0), (4, -1), (0, 3), (0, -3), (-5, 2)))
    assert turned.tolist() == [False, True, False, False, True, True]


def test_a_still_scene_has_a_direction():
    still = torch.full((1, 7, 64, 64), 0.5)
    assert mean_motion(still).abs().max() == 0
    assert not moves_left(still).any()


def test_turned_scenes_exchange_their_ends():
    first, last = torch.rand(2, 3, 4), torch.rand(2, 3, 4)
    a, b = turned_round(first, last, torch.tensor([True, False]))
    assert torch.equal(a, torch.stack([last[0], first[1]]))
    assert torch.equal(b, torch.stack([first[0], last[1]]))
