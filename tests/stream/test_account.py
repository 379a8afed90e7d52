"""The account: what is called damaged, and what is not."""

from fractions import Fraction
from types import SimpleNamespace

import pytest

from vsdeblur.stream.account import Account
from vsdeblur.stream.events import Change, End, Gap, GapReason, Picture
from vsdeblur.stream.promise import Promise

FRAME = Fraction(1, 25)


def picture(number, *, concealed=False, interlaced=False, step=FRAME):
    return Picture(SimpleNamespace(interlaced_frame=interlaced), number * step, concealed=concealed)


def told(promise, packets, shown, *, errors=(), complete=True, interlaced=False):
    """An account of packets and pictures by number, errors before some of them."""
    account = Account(promise)
    for number in packets:
        account.note_packet(number * FRAME)
    for number in shown:
        if number in errors:
            account.note(Gap(reason=GapReason.UNDECODABLE, time=number * FRAME))
        account.note(picture(number, interlaced=interlaced))
    account.note(End(complete=complete, time=(max(packets, default=-1) + 1) * FRAME, why="cut"))
    return account


def test_what_is_promised_and_comes_is_whole():
    account = told(Promise(frames=10, end=10 * FRAME), range(10), range(10))
    assert account.whole
    assert account.damage() == ""


def test_packets_without_a_picture_are_lost():
    account = told(Promise(), range(10), [0, 1, 2, 6, 7, 8, 9], errors=[6])
    assert account.lost == 3
    assert account.missing == 0
    assert account.damage() == (
        "damaged: 3 frames could not be decoded, from 0:00:00.12 on; 7 frames came"
    )


def test_pictures_are_due_where_packets_were_lost():
    account = Account(Promise())
    for number in range(6):
        account.note_packet(number * FRAME)
    account.note(picture(0))
    assert account.due(4 * FRAME) == []  # nothing was found damaged yet
    account.note(Gap(reason=GapReason.UNDECODABLE, time=FRAME))
    assert account.due(4 * FRAME) == [FRAME, 2 * FRAME, 3 * FRAME]
    account.note(picture(4))
    assert account.due(None) == [5 * FRAME]


@pytest.mark.parametrize("fields", [True, False])
def test_the_second_field_of_a_frame_is_not_lost(fields):
    account = Account(Promise(frames=20 if fields else None, frame_seconds=FRAME / 2))
    for number in range(10):
        account.note_packet(number * FRAME)
        account.note_packet(number * FRAME + FRAME / 2)
        account.note(picture(number, interlaced=True))
    account.note(End(complete=True, time=10 * FRAME))
    assert account.lost == 0
    assert account.whole or not fields


def test_a_picture_that_is_never_shown_is_not_lost():
    account = Account(Promise())
    for number in range(10):
        account.note_packet(number * FRAME)
        if number % 4 == 0:
            account.note_packet(number * FRAME + Fraction(1, 1000))  # for reference alone
    for number in range(10):
        account.note(picture(number))
    account.note(End(complete=True, time=10 * FRAME))
    assert account.whole


def test_fewer_frames_than_the_index_says_are_missing():
    account = told(Promise(frames=12), range(10), range(10))
    assert account.missing == 2
    assert "2 frames are missing" in account.damage()


def test_packets_that_are_not_to_be_shown_are_not_missed():
    account = told(Promise(frames=12), range(10), range(10))
    account.note_discarded()
    account.note_discarded()
    assert account.whole


def test_a_hole_in_a_steady_rate_seems_to_be_missing_frames():
    shown = [*range(10), *range(13, 40)]
    account = told(Promise(), shown, shown)
    assert "3 frames seem to be missing, from 0:00:00.40 on" in account.damage()


def test_a_hole_in_what_an_index_counts_is_a_pause():
    shown = [*range(10), *range(13, 40)]
    assert told(Promise(frames=37), shown, shown).whole


def test_a_variable_rate_has_no_holes():
    shown = [number * 2 + number % 3 for number in range(30)]
    assert told(Promise(), shown, shown).whole


def test_an_end_before_the_promised_one_is_said():
    account = told(Promise(end=Fraction(2)), range(25), range(25))
    assert "it ends 1.00 s before its promised end" in account.damage()
    assert told(Promise(end=26 * FRAME), range(25), range(25)).whole


def test_a_picture_track_that_ends_before_the_others_is_missing_frames():
    account = told(Promise(picture_end=Fraction(1)), range(23), range(23))
    assert account.missing == 2


def test_a_source_that_cannot_be_read_on_is_not_whole():
    account = told(Promise(), range(5), range(5), complete=False)
    assert account.damage() == "damaged: cut; 5 frames came"


def test_concealed_frames_are_counted():
    account = Account(Promise())
    account.note(picture(0, concealed=True))
    assert account.damage() == "damaged: 1 frames have concealed damage; 1 frames came"


def test_changes_and_jumps_are_a_line_each_and_no_damage():
    account = told(Promise(frames=3), range(3), range(3))
    for at in (1, 2):
        account.note(Change(what="picture", before="a", after="b", time=at * FRAME))
        account.note(Gap(reason=GapReason.JUMP, time=at * FRAME, seconds=Fraction(-3)))
    assert account.whole
    assert account.changes() == [
        "the picture changes from a to b at 0:00:00.04 (2 changes in all); the pictures are fitted "
        "to the first",
        "the clock jumps by -3.0 s at 0:00:00.04 (2 jumps in all); time goes on without a break",
    ]
