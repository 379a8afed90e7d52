"""Frames through H.264 and back: in order, with less detail the higher the factor."""

import numpy as np
import pytest

from vsdeblur.data.h264 import can_code, coded
from vsdeblur.errors import DataError


def moving(rng, num=6):
    """A soft texture that moves 2 pixels a frame."""
    texture = rng.integers(0, 256, (10, 14)).repeat(8, 0).repeat(8, 1)
    for axis in (0, 1, 0, 1):
        texture = (texture + np.roll(texture, 1, axis) + np.roll(texture, 2, axis)) // 3
    return np.stack([texture[:64, 2 * n : 2 * n + 80] for n in range(num)]).astype(np.uint8)


@pytest.mark.parametrize("exact", [False, True])
def test_frames_come_back_in_order_and_range(rng, exact):
    frames = moving(rng)
    back = coded(frames, 20, exact=exact)
    assert back.dtype == np.uint8
    assert back.shape == frames.shape
    errors = np.abs(back[:, None].astype(int) - frames[None]).mean((2, 3))
    assert (errors.argmin(1) == np.arange(6)).all()
    assert errors.diagonal().max() < 3
    assert np.array_equal(back, coded(frames, 20, exact=exact))


def test_a_higher_factor_loses_more(rng):
    frames = moving(rng)
    errors = [np.abs(coded(frames, crf).astype(int) - frames).mean() for crf in (5, 25.5, 45)]
    assert errors == sorted(errors)


def test_a_build_without_x264_says_what_to_do(rng, monkeypatch):
    import av
    from av.codec.codec import UnknownCodecError

    def none(*_):
        raise UnknownCodecError("libx264")

    monkeypatch.setattr(av.VideoCodecContext, "create", none)
    assert not can_code()
    with pytest.raises(DataError, match="needs x264, which this build of PyAV lacks"):
        coded(moving(rng), 20)
