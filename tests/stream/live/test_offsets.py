"""By how much sound and picture are apart: what is said is what a viewer would see."""

from fractions import Fraction

import pytest

from vsdeblur.stream.live.watching.offsets import Offsets, Sent

FRAME = Fraction(1, 25)


def frames(offsets, begin, count, shift):
    for n in range(count):
        offsets.add_frame(Sent(begin + n * FRAME, shift))


def test_what_moves_together_is_not_apart():
    offsets = Offsets()
    offsets.add_sound(Sent(Fraction(1, 50), Fraction(7)))
    frames(offsets, Fraction(0), 3, Fraction(7))
    assert (offsets.last, offsets.largest) == (0, 0)


@pytest.mark.parametrize("ahead", [True, False])
def test_sound_that_is_late_is_measured_whenever_it_leaves(ahead):
    offsets = Offsets()
    sound = Sent(Fraction(3, 50), Fraction(7) + Fraction(1, 20))
    if ahead:
        offsets.add_sound(sound)
    frames(offsets, Fraction(0), 5, Fraction(7))
    if not ahead:
        offsets.add_sound(sound)
    assert offsets.last == pytest.approx(-0.05)
    assert offsets.largest == pytest.approx(0.05)


def test_where_the_clock_of_the_source_changes_nothing_is_measured():
    offsets = Offsets()
    frames(offsets, Fraction(0), 5, Fraction(7))
    offsets.add_sound(Sent(Fraction(9, 50), Fraction(7)))  # of before
    offsets.add_sound(Sent(Fraction(99, 100), Fraction(2)))  # of after, but before its pictures
    frames(offsets, Fraction(1), 5, Fraction(2))
    assert offsets.last is None
    offsets.add_sound(Sent(Fraction(51, 50), Fraction(2)))
    assert offsets.last == 0


def test_held_frames_say_nothing():
    offsets = Offsets()
    frames(offsets, Fraction(0), 2, Fraction(7))
    offsets.add_frame(Sent(Fraction(1), None))
    offsets.add_sound(Sent(Fraction(1), Fraction(7)))
    assert offsets.last is None
    frames(offsets, Fraction(2), 2, Fraction(7))
    assert offsets.last == 0


def test_days_are_not_remembered():
    offsets = Offsets()
    for n in range(20_000):
        offsets.add_frame(Sent(n * FRAME, Fraction(0)))
        offsets.add_sound(Sent(n * FRAME + 100, Fraction(0)))
    assert len(offsets._frames) < 1000
    assert len(offsets._sound) < 3000
