"""Luma codings and tiles: what a plane's numbers mean, and frames cut up and joined again."""

import numpy as np
import pytest
import torch
from torch import nn

from vsdeblur.errors import OptionError
from vsdeblur.frames.luma import LumaCoding
from vsdeblur.runtime.tiling import _spans, run_tiled

CPU = torch.device("cpu")


# Luma


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
def test_every_code_value_survives_the_round_trip(bits, full_range):
    codes = np.arange(1 << bits).astype("u1" if bits == 8 else "u2").reshape(16, -1)
    coding = LumaCoding(bits=bits, full_range=full_range)
    encoded = coding.encode(coding.decode(codes, CPU))
    assert encoded.dtype == codes.dtype
    np.testing.assert_array_equal(encoded, codes)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("bits", [16, 32])
def test_floats_survive_the_round_trip_whatever_the_range(bits, full_range, rng):
    plane = rng.uniform(-2, 3, (20, 30)).astype("f2" if bits == 16 else "f4")
    coding = LumaCoding(bits=bits, is_float=True, full_range=full_range)
    decoded = coding.decode(plane, CPU)
    np.testing.assert_array_equal(decoded[0].numpy(), plane.astype("f4"))
    encoded = coding.encode(decoded)
    assert encoded.dtype == plane.dtype
    np.testing.assert_array_equal(encoded, plane)


@pytest.mark.parametrize(
    ("bits", "full_range", "codes"),
    [
        (8, False, [16, 235]),
        (10, False, [64, 940]),
        (12, False, [256, 3760]),
        (16, False, [4096, 60160]),
        (8, True, [0, 255]),
        (10, True, [0, 1023]),
        (12, True, [0, 4095]),
        (16, True, [0, 65535]),
    ],
)
def test_black_is_0_and_white_is_1(bits, full_range, codes):
    coding = LumaCoding(bits=bits, full_range=full_range)
    plane = np.array([codes], dtype="u1" if bits == 8 else "u2")
    decoded = coding.decode(plane, CPU)
    assert decoded.dtype is torch.float32
    assert decoded[0, 0, 0] == 0
    torch.testing.assert_close(decoded, torch.tensor([[[0.0, 1.0]]]), rtol=0, atol=2**-24)


def test_values_beyond_the_nominal_range_are_decoded_beyond_0_and_1():
    decoded = LumaCoding(bits=8).decode(np.array([[0, 255]], dtype="u1"), CPU)
    torch.testing.assert_close(decoded, torch.tensor([[[-16 / 219, 239 / 219]]]))


def test_encoding_rounds_to_nearest_and_clamps_to_what_the_format_holds():
    coding = LumaCoding(bits=8, full_range=True)
    luma = torch.tensor([[[-0.1, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.1]]])
    assert coding.encode(luma).tolist() == [[0, 0, 1, 255, 255]]


def test_decoding_copies_the_plane():
    plane = np.zeros((2, 2), dtype="f4")
    decoded = LumaCoding(bits=32, is_float=True).decode(plane, CPU)
    plane[:] = 1
    assert not decoded.any()


# Tiles


def tiled(network, frames, tile, radius, multiple_of):
    return run_tiled(network, frames, tile=tile, receptive_radius=radius, multiple_of=multiple_of)


SIZES = [97, 101, 128, 131, 150, 199, 256, 257, 331]


@pytest.mark.parametrize(("radius", "multiple_of"), [(0, 1), (3, 1), (9, 4), (10, 8)])
@pytest.mark.parametrize("tile", [80, 96, 97])
def test_weights_of_the_tiles_add_to_one(radius, multiple_of, tile):
    overlap = -(-(2 * radius + 16) // multiple_of) * multiple_of
    for size in [*SIZES, *range(tile - 2, tile + 20)]:
        total, margins = torch.zeros(size), []
        for start, end, weight in _spans(size, tile, overlap, torch.empty(0)):
            assert 0 <= start < end <= size
            assert start % (tile - overlap) == 0
            assert weight.shape == (end - start,)
            total[start:end] += weight
            counted = weight.nonzero()
            margins += [int(counted.min())] * (start > 0)
            margins += [end - start - 1 - int(counted.max())] * (end < size)
        torch.testing.assert_close(total, torch.ones(size), rtol=0, atol=1e-6)
        assert all(margin >= radius for margin in margins)


@pytest.mark.parametrize(("height", "width"), [(97, 131), (64, 200), (199, 40), (60, 61)])
@pytest.mark.parametrize("padding_mode", ["zeros", "replicate"])
def test_tiled_convolutions_equal_untiled_ones(height, width, padding_mode):
    layers = [nn.Conv2d(5, 4, 3, padding=1, padding_mode=padding_mode), nn.ReLU()]
    layers += [nn.Conv2d(4, 2, 5, padding=2, padding_mode=padding_mode)]
    network = nn.Sequential(*layers).requires_grad_(False)
    frames = torch.rand(1, 5, height, width)
    output = tiled(network, frames, (64, 48), radius=3, multiple_of=1)
    torch.testing.assert_close(output, network(frames), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(104, 136), (72, 200)])
def test_tiles_start_where_the_networks_own_grid_does(height, width):
    network = nn.Sequential(  # each 8x8 cell becomes its mean: 7 pixels of reach
        nn.AvgPool2d(8), nn.Upsample(scale_factor=8)
    )
    frames = torch.rand(1, 1, height, width)
    output = tiled(network, frames, (70, 69), radius=7, multiple_of=8)
    torch.testing.assert_close(output, network(frames), rtol=0, atol=1e-6)


def test_no_tile_is_larger_than_asked_for():
    shapes = []

    def network(frames):
        shapes.append(tuple(frames.shape[-2:]))
        return frames

    tiled(network, torch.rand(1, 1, 150, 211), (64, 48), radius=3, multiple_of=1)
    assert max(width for _, width in shapes) == 64
    assert max(height for height, _ in shapes) == 48


def test_tiles_as_large_as_the_frame_run_it_whole():
    calls = []
    frames = torch.rand(1, 3, 20, 30)
    output = tiled(lambda x: calls.append(1) or x, frames, (30, 20), radius=40, multiple_of=1)
    assert len(calls) == 1
    torch.testing.assert_close(output, frames, rtol=0, atol=0)


@pytest.mark.parametrize("tile", [(111, 200), (200, 111), (1, 1)])
def test_tiles_that_would_hold_nothing_but_overlap_are_refused(tile):
    with pytest.raises(OptionError) as error:
        tiled(nn.Identity(), torch.rand(1, 1, 256, 256), tile, radius=20, multiple_of=8)
    assert str(error.value) == (
        "tile must be at least 112x112 for this model (the overlap is 56 pixels), "
        f"got {tile[0]}x{tile[1]}"
    )
