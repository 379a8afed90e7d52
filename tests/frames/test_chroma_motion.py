"""Chroma goes where the luma goes."""

import numpy as np
import pytest
import torch

from vsdeblur.frames.chroma_motion import ChromaMotion

SHAPE = 64, 96


@pytest.fixture
def texture(rng):
    """Smooth noise, periodic: (128, 192), in [0, 1]."""
    spectrum = np.fft.rfft2(rng.normal(size=(2 * SHAPE[0], 2 * SHAPE[1])))
    rows, columns = np.fft.fftfreq(2 * SHAPE[0]), np.fft.rfftfreq(2 * SHAPE[1])
    spectrum *= np.exp(-((rows[:, None] ** 2 + columns**2) / 0.05**2))
    smooth = np.fft.irfft2(spectrum)
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype("f4")


def moving(texture, step):
    """Seven moments of a texture that moves right by so many pixels each: (7, 1, H, W)."""
    return torch.from_numpy(np.stack([np.roll(texture, step * (i - 3), 1)[None] for i in range(7)]))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f2", "f4"])
@pytest.mark.parametrize("step", [2, -2])
def test_chroma_of_half_size_moves_by_half_the_pixels(texture, dtype, step):
    peak = {"u1": 255, "u2": 1023}.get(dtype, 1)
    blurred = (texture[::2, ::2] * peak).astype(dtype)
    motion = ChromaMotion(moving(texture, step), SHAPE)
    for index in (0, 3, 6):
        (moved,) = motion.planes([blurred], index)
        assert moved.dtype == blurred.dtype
        expected = np.roll(blurred, step // 2 * (index - 3), 1).astype(float)
        still = np.abs(blurred - expected)[8:-8, 8:-8].mean()
        error = np.abs(moved - expected)[8:-8, 8:-8].mean()
        assert error <= 0.15 * still + 1e-9 * (index == 3)


def test_chroma_of_a_still_scene_stays(texture):
    blurred = (texture[::2, ::2] * 255).astype("u1")
    moved = ChromaMotion(moving(texture, 0), SHAPE).planes([blurred, blurred[::-1]], 0)
    assert np.array_equal(moved[0], blurred)
    assert np.array_equal(moved[1], blurred[::-1])


def test_the_middle_of_42_moments_is_the_22nd(texture):
    moments = moving(texture, 2).repeat_interleave(6, 0)
    blurred = (texture[::2, ::2] * 255).astype("u1")
    (moved,) = ChromaMotion(moments, SHAPE).planes([blurred], 21)
    assert np.array_equal(moved, blurred)


@pytest.mark.parametrize("shape", [(4, 4), (9, 17), (8, 48)])
def test_planes_too_small_for_the_estimator_move_too(rng, shape):
    moments = torch.rand(7, 1, 17, 33)
    plane = rng.integers(0, 255, shape).astype("u1")
    assert ChromaMotion(moments, shape).planes([plane], 0)[0].shape == shape
