"""What is measured of each frame, once."""

import numpy as np
import pytest
import torch

from vsdeblur.restorers.frame_measures import FrameMeasures, cell_means, measure_frame

sizes = pytest.mark.parametrize("size", [(16, 16), (5, 7), (17, 50), (48, 33), (40, 64), (200, 35)])


def measures_of(picture):
    return FrameMeasures.of(measure_frame(picture))


@pytest.mark.parametrize("size", [(16, 16), (5, 7), (17, 50), (48, 33), (40, 64)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8])
def test_cells_at_the_borders_are_means_of_what_there_is(size, dtype):
    picture = (torch.rand(size) * 200).to(dtype)
    cells = cell_means(picture)
    assert cells.dtype is torch.float32
    assert cells.shape == (-(-size[0] // 16), -(-size[1] // 16))
    for row, values in enumerate(cells):
        for column, value in enumerate(values):
            cell = picture[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            torch.testing.assert_close(value, cell.float().mean(), rtol=1e-5, atol=0)


def test_cells_of_bands_are_those_of_the_picture():
    picture = torch.rand(100, 70)
    bands = [cell_means(picture[top : top + 48]) for top in range(0, 100, 48)]
    torch.testing.assert_close(torch.cat(bands), cell_means(picture), rtol=0, atol=0)


@sizes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_means_are_those_of_cells_and_blocks(size, dtype):
    picture = torch.rand(size).to(dtype)
    measures = measures_of(picture)
    np.testing.assert_allclose(measures.means, cell_means(picture), rtol=1e-5)
    rows, columns = (-(-length // 16) for length in size)
    assert measures.blocks.shape == (4 * rows, 4 * columns)
    whole = picture[: size[0] // 4 * 4, : size[1] // 4 * 4].float()
    blocks = whole.unflatten(0, (-1, 4)).unflatten(2, (-1, 4)).mean((1, 3))
    seen = measures.blocks[: blocks.shape[0], : blocks.shape[1]]
    np.testing.assert_allclose(seen, blocks, rtol=1e-4)


@sizes
def test_steps_along_rows_and_columns_are_told_apart(size):
    across = torch.arange(size[1]).expand(size) * 0.01
    measures = measures_of(across)
    np.testing.assert_allclose(measures.steps[0, 0], 0.01**2, rtol=1e-3)
    np.testing.assert_allclose(measures.steps[0, 1], 0.02**2, rtol=1e-3)
    assert not measures.steps[1].any()
    turned = measures_of(across.T.contiguous())
    np.testing.assert_allclose(turned.steps[1], measures.steps[0].transpose(0, 2, 1), rtol=1e-3)
    assert not turned.steps[0].any()


@pytest.mark.parametrize("row", range(60, 70))
def test_a_line_counts_the_same_wherever_it_is(row):
    picture = torch.zeros(144, 64)
    picture[row:] = 1
    steps = measures_of(picture).steps[1].sum((1, 2))
    assert steps[1] / steps[0] == pytest.approx(2, rel=0.2)
