"""Windows of a live stream."""

from fractions import Fraction

import pytest

from vsdeblur.stream.live.frames import LiveFrame, LiveWindows


def frame(number, *, cut=False):
    return LiveFrame(None, Fraction(number), float(number), None, cut)


def numbers(window):
    return [int(each.time) for each in window.frames]


def windows_of(count, radius=2, cuts=()):
    windows = LiveWindows(radius)
    made = [w for n in range(count) for w in windows.push(frame(n, cut=n in cuts))]
    return [*made, *windows.flush(0.0)]


@pytest.mark.parametrize("count", range(8))
def test_each_frame_has_a_window_with_the_ends_repeated(count):
    made = [numbers(window) for window in windows_of(count)]
    last = count - 1
    assert made == [[min(max(n + k, 0), last) for k in range(-2, 3)] for n in range(count)]


def test_a_window_is_ready_when_its_last_frame_has_come():
    windows = LiveWindows(2)
    (window,) = [w for n in range(3) for w in windows.push(frame(n))]
    assert window.middle.time == 0
    assert window.ready == 2.0


def test_what_breaks_off_is_ready_when_that_is_known():
    windows = LiveWindows(2)
    assert list(windows.push(frame(0))) == []
    assert [window.ready for window in windows.flush(9.0)] == [9.0]
    assert windows.last is None


def test_windows_do_not_cross_a_cut():
    made = [numbers(window) for window in windows_of(5, cuts=(2,))]
    assert made[1] == [0, 0, 1, 1, 1]
    assert made[2] == [2, 2, 2, 3, 4]


def test_without_neighbours_each_frame_comes_at_once():
    windows = LiveWindows(0)
    assert [numbers(w) for w in windows.push(frame(5))] == [[5]]
