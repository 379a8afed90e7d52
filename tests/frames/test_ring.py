"""Windows of frames, and their places: filled once, shared, held as long as they are needed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from vsdeblur.frames.ring import FrameRing, window_offsets


@pytest.fixture
def filled():
    """Numbers of the frames that were filled in, and a function that fills."""
    numbers = []

    def fill(number, place):
        numbers.append(number)
        return number, place

    return numbers, fill


def test_frames_lie_side_by_side_and_are_filled_once(filled):
    numbers, fill = filled
    ring = FrameRing(8)
    for n in range(20):
        with ring.window(range(n, n + 5), fill) as items:
            assert items == [(i, i % 8) for i in range(n, n + 5)]
    assert numbers == list(range(24))


def test_a_frame_may_come_twice(filled):
    numbers, fill = filled
    with FrameRing(8).window([0, 0, 0, 1, 2], fill) as items:
        assert items == [(0, 0), (0, 0), (0, 0), (1, 1), (2, 2)]
    assert numbers == [0, 1, 2]


def test_a_place_that_is_needed_is_not_given_away(filled):
    _, fill = filled
    ring = FrameRing(4)
    entered = threading.Event()

    def later():
        with ring.window([5, 6], fill):
            entered.set()

    with ring.window([1, 2], fill):
        thread = threading.Thread(target=later)
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(5)
    thread.join()


def test_two_windows_share_a_frame_that_one_is_filling():
    ring, numbers = FrameRing(8), []
    both = threading.Barrier(2, timeout=5)

    def fill(number, place):
        numbers.append(number)
        if number == 2:
            both.wait()  # until the other window is there
        return number

    def first():
        with ring.window([0, 1, 2], fill) as items:
            return items

    def second():
        both.wait()
        with ring.window([1, 2, 3], fill) as items:
            return items

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(first), pool.submit(second)]
        assert [r.result(timeout=5) for r in results] == [[0, 1, 2], [1, 2, 3]]
    assert sorted(numbers) == [0, 1, 2, 3]


def test_after_an_error_frames_are_filled_in_again(filled):
    numbers, fill = filled
    ring, failures = FrameRing(8), [OSError("no frame")]

    def failing(number, place):
        if number == 1 and failures:
            raise failures.pop()
        return fill(number, place)

    with pytest.raises(OSError, match="no frame"), ring.window([0, 1, 2], failing):
        pass
    with ring.window([0, 1, 2], failing) as items:
        assert items == [(0, 0), (1, 1), (2, 2)]
    assert numbers == [0, 1, 2]


def test_many_threads_in_any_order_get_what_they_asked_for(rng):
    ring = FrameRing(8)
    contents = [None] * 8

    def fill(number, place):
        contents[place] = number
        return number

    def window(n):
        with ring.window(range(n, n + 5), fill) as items:
            return items == [contents[i % 8] for i in range(n, n + 5)] == list(range(n, n + 5))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(window, rng.permutation(60).tolist()))


@pytest.mark.parametrize(
    ("cuts", "offsets"),
    [
        ([0, 0, 0, 0], [-2, -1, 0, 1, 2]),
        ([1, 0, 0, 0], [-1, -1, 0, 1, 2]),
        ([0, 1, 0, 0], [0, 0, 0, 1, 2]),
        ([1, 1, 0, 0], [0, 0, 0, 1, 2]),
        ([0, 0, 1, 0], [-2, -1, 0, 0, 0]),
        ([0, 0, 0, 1], [-2, -1, 0, 1, 1]),
        ([0, 0, 1, 1], [-2, -1, 0, 0, 0]),
        ([1, 0, 0, 1], [-1, -1, 0, 1, 1]),
        ([1, 0, 1, 0], [-1, -1, 0, 0, 0]),
        ([0, 1, 0, 1], [0, 0, 0, 1, 1]),
        ([0, 1, 1, 0], [0, 0, 0, 0, 0]),
        ([1, 1, 0, 1], [0, 0, 0, 1, 1]),
        ([1, 0, 1, 1], [-1, -1, 0, 0, 0]),
        ([0, 1, 1, 1], [0, 0, 0, 0, 0]),
        ([1, 1, 1, 0], [0, 0, 0, 0, 0]),
        ([1, 1, 1, 1], [0, 0, 0, 0, 0]),
        ([], [0]),
        ([1, 0], [0, 0, 1]),
        ([0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 1, 2, 2]),
    ],
)
def test_window_stops_at_cuts_on_either_side(cuts, offsets):
    assert window_offsets([bool(cut) for cut in cuts]) == offsets
