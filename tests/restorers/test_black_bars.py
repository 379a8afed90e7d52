"""Black bars stay black, whatever the network makes of the light beside them."""

import pytest
import torch

from vsdeblur.models import MODELS
from vsdeblur.restorers.black_bars import inside_bars
from vsdeblur.restorers.dblrgan import DBLRGANOptions, WindowRestorer

BARS = [(4, 3, 0, 0), (0, 0, 5, 6), (2, 0, 3, 0)]


def barred(bars, size=(24, 32)):
    """A window of noise with bars of so many rows and columns: top, bottom, left, right."""
    top, bottom, left, right = bars
    window = torch.rand(5, 1, *size) * 0.8 + 0.1
    inside = torch.zeros(size, dtype=torch.bool)
    inside[top : size[0] - bottom, left : size[1] - right] = True
    return window * inside, inside


@pytest.mark.parametrize("bars", BARS)
def test_bars_are_found(bars):
    window, inside = barred(bars)
    assert torch.equal(inside_bars(window[2, 0]), inside)


def test_a_dark_row_within_the_picture_is_no_bar():
    window, _ = barred((0, 0, 0, 0))
    window[..., 7, :] = 0
    assert inside_bars(window[2, 0]) is None
    window[..., 0, :] = 0.01  # coding's noise
    found = inside_bars(window[2, 0])
    assert not found[0].any()
    assert found[1:].all()


def test_a_black_frame_is_left_alone():
    assert not inside_bars(torch.zeros(16, 16)).any()


@pytest.mark.parametrize("bars", BARS)
@pytest.mark.parametrize("adds_middle_frame", [False, True])
def test_the_network_changes_what_is_between_them_alone(bars, adds_middle_frame):
    window, inside = barred(bars)
    restorer = WindowRestorer(
        lambda frames: frames[:, 2:3] * 0.5 + 0.25, MODELS["dblrgan"]["fast"], torch.device("cpu"),
        options=DBLRGANOptions(guard=True), adds_middle_frame=adds_middle_frame,
    )  # fmt: skip
    restored = restorer.restore(window)[0, 0]
    middle = window[2, 0]
    assert torch.equal(restored[~inside], middle[~inside])
    assert (restored - middle)[inside].abs().min() > 0 or adds_middle_frame
    assert not torch.equal(restored[inside], middle[inside])


def test_nan_is_no_bar():
    window, _ = barred((0, 0, 0, 0))
    window[2, 0, 0, 5] = torch.nan
    assert inside_bars(window[2, 0]) is None
