"""A live timeline goes on as time does."""

from fractions import Fraction

import pytest

from vsdeblur.stream.live.pacing import LiveTimeline

VIDEO, SOUND = 0, 1
FRAME = Fraction(1, 25)


def steady(timeline, begin, *, seconds, at, track=VIDEO, step=FRAME):
    """Feed a track whose packets come as fast as their times rise; returns their times."""
    times = []
    for n in range(round(seconds / step)):
        timeline.arrives(at + float(n * step))
        time = begin + n * step
        times.append(time + timeline.shift(track, time, step))
    return times


def test_the_first_time_becomes_the_start():
    assert steady(LiveTimeline(Fraction(7)), Fraction(100), seconds=1, at=3.0)[0] == 7


@pytest.mark.parametrize("begin", [Fraction(0), Fraction(50), Fraction(90_000)])
def test_a_clock_that_is_set_anew_after_a_pause_goes_on_after_that_pause(begin):
    timeline = LiveTimeline()
    before = steady(timeline, Fraction(1000), seconds=1, at=0.0)
    after = steady(timeline, begin, seconds=1, at=6.0)
    assert float(after[0] - before[-1]) == pytest.approx(5.04, abs=0.001)
    assert after[1] - after[0] == FRAME


def test_a_clock_that_leaps_without_a_pause_goes_on_at_once():
    timeline = LiveTimeline()
    before = steady(timeline, Fraction(0), seconds=1, at=0.0)
    after = steady(timeline, Fraction(5), seconds=1, at=1.0)
    assert after[0] - before[-1] == FRAME


def test_a_pause_that_the_clock_counts_is_kept():
    timeline = LiveTimeline()
    before = steady(timeline, Fraction(0), seconds=1, at=0.0)
    after = steady(timeline, Fraction(31), seconds=1, at=31.0)
    assert after[0] - before[-1] == 30 + FRAME


def test_sound_and_picture_move_together():
    timeline = LiveTimeline()
    for clock, at in [(1000, 0.0), (0, 9.0), (95_000, 20.0)]:
        for n in range(50):
            timeline.arrives(at + n / 25)
            time = clock + n * FRAME
            video = timeline.shift(VIDEO, time, FRAME)
            sound = timeline.shift(SOUND, time, FRAME)
            assert video == sound


def test_clocks_that_differ_a_little_do_not_drift_apart():
    """An hour at a source whose clock is 0.1% fast, and then it is set anew: no hour is judged."""
    timeline = LiveTimeline()
    last = Fraction(0)
    for n in range(36_000):
        timeline.arrives(n / 10)
        time = Fraction(n, 10) * Fraction(1001, 1000)
        last = time + timeline.shift(VIDEO, time, Fraction(1, 10))
    timeline.arrives(3600.0)
    assert timeline.shift(VIDEO, Fraction(0), Fraction(1, 10)) - last < Fraction(2, 10)
    assert float(last) == pytest.approx(3603.5, abs=0.2)
