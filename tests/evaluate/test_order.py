"""Which way the moments run: counted right, and settled by the neighbours on known motion."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vsdeblur.errors import DataError
from vsdeblur.evaluate.metrics.moment_direction import motion_of, runs_right, score_order
from vsdeblur.models import MODELS
from vsdeblur.restorers.sequence import SequenceOptions, SequenceRestorer

HEIGHT, WIDTH = 64, 96


def texture(rng):
    """Detail of many sizes, in [0, 1]: (64, 96), periodic."""
    spectrum = np.fft.rfft2(rng.normal(size=(HEIGHT, WIDTH)))
    rows, columns = np.fft.fftfreq(HEIGHT), np.fft.rfftfreq(WIDTH)
    spectrum /= np.hypot(rows[:, None], columns) + 0.01
    picture = np.fft.irfft2(spectrum)
    return (picture - picture.min()) / np.ptp(picture)


def shifted(picture, x, y):
    """The picture moved by any number of pixels, around its edges."""
    rows, columns = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)
    phase = np.exp(-2j * np.pi * (columns * x + rows * y))
    return np.fft.irfft2(np.fft.rfft2(picture) * phase)


def coded(pictures):
    return np.rint(255 * np.stack(pictures).clip(0, 1)).astype(np.uint8)


def window(rng, length, exposure=0.8):
    """A scene that moves by `length` pixels during an exposure, in a direction of its own."""
    picture = 0.1 + 0.8 * texture(rng)
    angle = rng.uniform(0, 2 * np.pi)
    step = length / exposure * np.array([np.cos(angle), np.sin(angle)])

    def seen(time):
        return shifted(picture, *(step * time))

    times = np.linspace(-exposure / 2, exposure / 2, 15)
    blurred = [np.mean([seen(frame + t) for t in times], 0) for frame in (-1, 0, 1)]
    flow = np.broadcast_to((step * exposure)[:, None, None], (2, HEIGHT, WIDTH))
    moments = coded([seen(t) for t in times[1::2]])
    return SimpleNamespace(blurred=coded(blurred), moments=moments, flow=flow.astype(np.float32))


def oracle(windows, *, order, turned):
    """A restorer whose network knows the moments, and gives every other group backwards."""
    known = {w.blurred[1].tobytes(): w.moments for w in windows}
    calls = []

    def network(frames):
        key = np.rint(255 * frames[0, 0].numpy()).astype(np.uint8).tobytes()
        moments = torch.from_numpy(known[key])[None].float() / 255
        calls.append(key)
        return moments.flip(1) if turned and len(calls) % 2 else moments

    spec = dataclasses.replace(MODELS["sequence"]["fast"], multiple_of=1)
    return SequenceRestorer(
        network, spec, torch.device("cpu"), None, SequenceOptions(order=order),
        adds_middle_frame=False,
    )  # fmt: skip


def test_neighbours_settle_at_least_95_percent_of_known_motion(rng):
    windows = [window(rng, length) for length in np.geomspace(2.5, 20, 40)]
    score = score_order(oracle(windows, order=True, turned=True), windows)
    assert score.groups == 40
    assert score.share >= 0.95


def test_without_neighbours_turned_groups_stay_turned(rng):
    windows = [window(rng, 6) for _ in range(6)]
    assert score_order(oracle(windows, order=False, turned=True), windows).share == 0.5
    assert score_order(oracle(windows, order=False, turned=False), windows) == (6, 6)


def test_windows_of_little_motion_do_not_count(rng):
    windows = [window(rng, 1.5), window(rng, 6)]
    restorer = oracle(windows, order=True, turned=False)
    assert score_order(restorer, windows) == (1, 1)
    assert score_order(restorer, windows, least_motion=1).groups == 2
    with pytest.raises(DataError, match=r"no window moves by more than 30 pixels; use others"):
        score_order(restorer, windows, least_motion=30)


def test_another_number_of_moments_is_refused(rng):
    windows = [window(rng, 6)]
    windows[0].moments = windows[0].moments[:5]
    with pytest.raises(DataError, match="windows have 5 moments and the filter makes 7"):
        score_order(oracle(windows, order=True, turned=False), windows)


def test_motion_is_that_of_what_moves_most():
    flow = np.zeros((2, 10, 10), np.float32)
    assert motion_of(flow) == 0
    flow[:, 0] = [[3.0], [4.0]]
    assert motion_of(flow) == 5


def test_a_still_group_runs_no_way():
    moments = torch.rand(7, 1, 8, 8)
    assert runs_right(moments, moments)
    assert not runs_right(moments.flip(0), moments)
    assert not runs_right(moments[3:4].expand(7, 1, 8, 8), moments)
