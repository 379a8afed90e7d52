"""YUV planes and RGB: the definitions, chroma where it is sited, no change where there is none."""

import numpy as np
import pytest
import torch

from vsdeblur.frames.colour import MATRICES, YUVCoding, default_matrix
from vsdeblur.frames.luma import LumaCoding

CPU = torch.device("cpu")
SUBSAMPLINGS = [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 4)]


def coding(bits=8, full=False, matrix=1, **options):
    luma = LumaCoding(bits=bits, full_range=full)
    return YUVCoding(luma=luma, matrix=MATRICES[matrix], **options)


def code_values(rgb, matrix, *, bits, full):
    """Y, U and V of a colour by the definition of its matrix and range, not rounded."""
    red, blue = MATRICES[matrix]
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    u, v = (rgb[2] - luma) / (1 - blue) / 2, (rgb[0] - luma) / (1 - red) / 2
    if full:
        peak, zero = (1 << bits) - 1, 1 << (bits - 1)
        return luma * peak, u * peak + zero, v * peak + zero
    step = 1 << (bits - 8)
    return (16 + 219 * luma) * step, (128 + 224 * u) * step, (128 + 224 * v) * step


def flat(values, shape=(6, 8), bits=8):
    dtype = np.uint8 if bits == 8 else np.uint16
    return [np.full(shape, round(value), dtype) for value in values]


@pytest.mark.parametrize("bits", [8, 10, 16])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", list(MATRICES))
def test_colours_are_those_of_the_matrix_and_range(matrix, full, bits):
    colour, changed = np.array([0.7, 0.4, 0.2]), np.array([0.5, 0.45, 0.6])
    planes = flat(code_values(colour, matrix, bits=bits, full=full), bits=bits)
    yuv = coding(bits, full, matrix)
    rgb = yuv.decode(planes, CPU)
    assert rgb.shape == (3, 6, 8)
    np.testing.assert_allclose(rgb[:, 2, 3], colour, rtol=0, atol=1.6 / (1 << bits))
    change = torch.tensor(changed - colour)[:, None, None].expand(3, 6, 8)
    expected = code_values(changed, matrix, bits=bits, full=full)
    for plane, value in zip(yuv.encode_change(planes, change), expected, strict=True):
        assert plane.dtype == planes[0].dtype
        assert np.abs(plane.astype("f8") - value).max() <= 1.01


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("bits", [8, 10])
def test_no_change_changes_no_code_value(rng, subsampling, bits):
    shape = tuple(-(-n // s) for n, s in zip((21, 35), reversed(subsampling), strict=True))
    dtype = np.uint8 if bits == 8 else np.uint16
    planes = [rng.integers(0, 1 << bits, s).astype(dtype) for s in ((21, 35), shape, shape)]
    yuv = coding(bits, subsampling=subsampling, siting=(0.0, (subsampling[1] - 1) / 2))
    rgb = yuv.decode(planes, CPU)
    assert rgb.shape == (3, 21, 35)
    for plane, same in zip(yuv.encode_change(planes, rgb - rgb), planes, strict=True):
        np.testing.assert_array_equal(plane, same)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("step", "offset"), [(2, 0.0), (2, 0.5), (2, 1.0), (4, 0.0), (4, 1.5), (1, 0.0)]
)
def test_chroma_is_read_and_written_where_it_is_sited(axis, step, offset):
    # Chroma that rises evenly: each pixel's is the ramp's at its place, and so is each sample's.
    length, across = 48, 8
    ramp = 60 + 2.0 * np.arange(length)
    sited = 60 + 2.0 * (step * np.arange(length // step) + offset)
    shape = (length // step, across) if axis == 0 else (across, length // step)
    chroma = np.broadcast_to(sited[:, None] if axis == 0 else sited, shape)
    luma = np.full((length, across) if axis == 0 else (across, length), 128, np.uint8)
    planes = [luma, np.full(shape, 128, np.uint8), chroma.astype(np.uint8)]
    facts = {"subsampling": (step, 1), "siting": (offset, 0.0)}
    if axis == 0:
        facts = {"subsampling": (1, step), "siting": (0.0, offset)}
    yuv = coding(full=True, **facts)
    red = yuv.decode(planes, CPU)[0].numpy()
    seen = (red if axis == 0 else red.T)[:, 0]
    wanted = 128 / 255 + (2 - 2 * 0.2126) * (ramp - 128) / 255
    inside = slice(2 * step, -2 * step)
    np.testing.assert_allclose(seen[inside], wanted[inside], rtol=0, atol=1e-5)
    # A change that makes V rise evenly from a grey picture lands on the samples alike.
    grey = [luma, np.full(shape, 128, np.uint8), np.full(shape, 128, np.uint8)]
    v = torch.tensor((ramp - 128) / 255, dtype=torch.float32)
    v = v[:, None].expand(length, across) if axis == 0 else v.expand(across, length)
    red_share, blue_share = MATRICES[1]
    r = (2 - 2 * red_share) * v
    change = torch.stack([r, -red_share * r / (1 - red_share - blue_share), torch.zeros_like(r)])
    written = yuv.encode_change(grey, change)
    np.testing.assert_array_equal(written[0], luma)
    got = (written[2] if axis == 0 else written[2].T)[:, 0]
    np.testing.assert_allclose(got[2:-2], sited[2:-2], rtol=0, atol=0.51)


def test_grey_pictures_are_grey_in_rgb_and_take_the_changes_luma():
    plane = np.array([[16, 235], [125, 60]], np.uint8)
    rgb = coding().decode([plane], CPU)
    np.testing.assert_allclose(rgb, np.broadcast_to((plane - 16.0) / 219, (3, 2, 2)), atol=1e-6)
    change = torch.tensor([0.1, 0.0, 0.0])[:, None, None].expand(3, 2, 2)
    (written,) = coding().encode_change([plane], change)
    np.testing.assert_array_equal(written, (plane + np.round(219 * 0.02126)).astype(np.uint8))


def test_what_the_format_cannot_hold_is_clamped():
    planes = flat((250, 128, 128))
    change = torch.full((3, 6, 8), 0.5)
    assert coding().encode_change(planes, change)[0].max() == 255
    assert coding().encode_change(planes, -4 * change)[0].min() == 0


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [(720, 576, 6), (720, 480, 6), (1280, 720, 1), (1279, 577, 1), (1280, 300, 1)],
)
def test_video_that_names_no_matrix_goes_by_its_size(width, height, matrix):
    assert default_matrix(width, height) == matrix
