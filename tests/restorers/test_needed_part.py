"""A part of a frame comes out as in the whole, and fades into what passes."""

import numpy as np
import pytest
import torch

from vsdeblur.restorers.needed_part import NeededPart

CPU = torch.device("cpu")
SIZE = (330, 410)
PREPARED = (336, 416)


def part_of(cells, margin=20, device=CPU):
    passing = np.ones((21, 26), bool)
    for rows, columns in cells:
        passing[rows, columns] = False
    return NeededPart.of(passing, SIZE, PREPARED, margin, device)


def test_weights_are_one_where_it_is_needed_and_nought_two_cells_away():
    part = part_of([(slice(8, 10), slice(20, 21))])
    assert part.weights.shape == SIZE
    assert (part.weights[128:160, 320:336] == 1).all()
    far = part.weights.clone()
    far[128 - 32 : 160 + 32, 320 - 32 : 336 + 32] = 0
    assert not far.any()
    assert 0 <= part.weights.min() < part.weights.max() <= 1


@pytest.mark.parametrize(
    "cells",
    [
        [(slice(8, 10), slice(20, 21))],
        [(slice(0, 1), slice(0, 1))],
        [(slice(20, 21), slice(25, 26))],
        [(slice(3, 4), slice(2, 3)), (slice(9, 10), slice(9, 11))],
    ],
)
def test_a_part_comes_out_as_in_the_whole(cells):
    kernel = torch.rand(1, 1, 41, 41) / 1681
    frames = torch.rand(1, 1, *PREPARED)

    def network(seen):
        return torch.nn.functional.conv2d(seen, kernel, padding=20)

    part = part_of(cells)
    assert part.of_frames(frames).numel() < 0.85 * frames.numel()
    laid = part.laid_out(network(part.of_frames(frames)))
    expected = network(frames)[..., : SIZE[0], : SIZE[1]] * part.weights
    torch.testing.assert_close(laid, expected, rtol=0, atol=1e-6)


def test_what_is_nearly_all_of_a_frame_is_all_of_it():
    part = part_of([(slice(0, 20), slice(1, 25))])
    assert (part.rows, part.columns) == (slice(0, 336), slice(0, 416))


def test_parts_begin_and_end_on_a_grid_or_at_the_border():
    part = part_of([(slice(10, 11), slice(12, 13))], margin=1)
    assert (part.rows, part.columns) == (slice(64, 256), slice(128, 256))
