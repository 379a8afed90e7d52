"""One time for all tracks: properties that hold whatever the clocks do."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest

from vsdeblur.stream.timeline import AHEAD, BACK, Rising, Slots, Timeline

VIDEO, AUDIO, TEXT = 0, 1, 2
FRAME, SOUND = Fraction(1, 25), Fraction(1024, 48000)
SEEDS = range(40)


def interleaved(seconds, start=Fraction(0), audio_late=Fraction(0)):
    """Packets of sound and picture in the order of a file: (track, time, duration)."""
    packets = [(VIDEO, start + i * FRAME, FRAME) for i in range(int(seconds / FRAME))]
    count = int(seconds / SOUND)
    packets += [(AUDIO, start + audio_late + i * SOUND, SOUND) for i in range(count)]
    return sorted(packets, key=lambda packet: packet[1])


def mapped(timeline, packets):
    """(track, time of the source, time of the timeline) of each packet."""
    return [(t, time, time + timeline.shift(t, time, d)) for t, time, d in packets]


def of(track, placed):
    return [new for t, _, new in placed if t == track]


def steps(times):
    return [b - a for a, b in pairwise(times)]


def test_undisturbed_times_start_at_0_and_keep_their_distances():
    for seed in SEEDS:
        start = Fraction(random.Random(seed).randrange(-(10**7), 10**7), 90000)
        placed = mapped(Timeline(start), interleaved(4, start))
        assert of(VIDEO, placed)[0] == 0
        assert {new - old for _, old, new in placed} == {-start}


def test_the_first_packet_is_the_origin_where_none_is_known():
    placed = mapped(Timeline(), interleaved(1, Fraction(7)))
    assert of(VIDEO, placed)[0] == 0


def test_a_jump_of_the_clock_is_bridged_and_sound_stays_in_step():
    for seed in SEEDS:
        chance = random.Random(seed)
        timeline = Timeline(Fraction(0))
        packets, clock = [], Fraction(0)
        undisturbed = interleaved(20)
        places = sorted(chance.sample(range(50, len(undisturbed)), 3))
        for number, (track, time, duration) in enumerate(undisturbed):
            if number in places:
                far = chance.choice([-1, 1]) * Fraction(chance.randrange(11, 95000))
                clock += far
            packets.append((track, time + clock, duration))
        placed = mapped(timeline, packets)
        for (_, _, new), (_, time, _) in zip(placed, undisturbed, strict=True):
            assert new == time
        assert len(timeline.jumps) == 3


def test_a_wrap_of_33_bits_is_bridged():
    wrap = Fraction(1 << 33, 90000)
    packets = [(t, (time + wrap - 1) % wrap, d) for t, time, d in interleaved(4)]
    placed = mapped(Timeline(wrap - 1), packets)
    assert of(VIDEO, placed) == [i * FRAME for i in range(100)]


def test_packets_of_two_clocks_may_be_mixed_around_a_jump():
    for seed in SEEDS:
        chance = random.Random(seed)
        undisturbed = interleaved(6)
        late = Fraction(chance.randrange(1, 30), 40)  # sound lies so much later in the file
        packets = [
            (t, time + (500 if time >= 3 else 0), d, time + (late if t == AUDIO else 0))
            for t, time, d in undisturbed
        ]
        packets.sort(key=lambda packet: packet[3])
        timeline = Timeline(Fraction(0))
        placed = mapped(timeline, [packet[:3] for packet in packets])
        for _, old, new in placed:
            assert new == (old - 500 if old >= 503 else old)
        assert len(timeline.jumps) == 1


def test_times_of_a_track_never_go_back_whatever_comes():
    for seed in SEEDS:
        chance = random.Random(seed)
        timeline, rising = Timeline(), {VIDEO: Rising(), AUDIO: Rising()}
        for _ in range(500):
            track = chance.choice([VIDEO, AUDIO])
            time = Fraction(chance.randrange(-(10**9), 10**9), 90000)
            if chance.random() < 0.2:
                time = None
            duration = chance.choice([Fraction(0), FRAME, Fraction(3)])
            before = rising[track].last
            shift = timeline.shift(track, time, duration)
            now = rising[track].after_last(round(((time or 0) + shift) * 90000))
            assert before is None or now > before


def test_lost_packets_leave_a_hole_and_move_nothing():
    for seed in SEEDS:
        chance = random.Random(seed)
        kept = [packet for packet in interleaved(6) if chance.random() > 0.3]
        for _, old, new in mapped(Timeline(Fraction(0)), kept):
            assert new == old


def test_a_small_step_back_is_no_jump():
    timeline = Timeline(Fraction(0))
    timeline.shift(AUDIO, Fraction(1), SOUND)
    assert timeline.shift(AUDIO, Fraction(1) + SOUND - BACK, SOUND) == 0
    assert not timeline.jumps


def test_a_pause_is_kept_where_frames_have_times_of_their_own():
    for ahead, moved in ((None, 0), (AHEAD, FRAME - 60)):
        timeline = Timeline(Fraction(0), ahead)
        timeline.shift(VIDEO, Fraction(0), FRAME)
        assert timeline.shift(VIDEO, Fraction(60), FRAME) == moved


def test_a_sparse_track_follows_the_clock_and_never_sets_it():
    timeline = Timeline(Fraction(0))
    mapped(timeline, interleaved(2))
    assert timeline.shift(TEXT, Fraction(4000), Fraction(2), sparse=True) == 0
    timeline.shift(VIDEO, Fraction(1000), FRAME)
    assert timeline.shift(TEXT, Fraction(1001), Fraction(2), sparse=True) == 2 - 1000
    assert len(timeline.jumps) == 1


def test_a_recording_that_is_joined_starts_where_the_first_ended():
    for starts in ({}, {VIDEO: Fraction(50), AUDIO: Fraction(50)}):
        timeline = Timeline(Fraction(3))
        first = mapped(timeline, interleaved(2, Fraction(3)))
        end = timeline.end
        timeline.join(starts, {})
        second = mapped(timeline, interleaved(2, Fraction(50)))
        assert of(VIDEO, second)[0] == end >= of(VIDEO, first)[-1] + FRAME
        assert set(steps(of(AUDIO, second))) == {SOUND}
        assert not timeline.jumps


def test_joined_recordings_leave_no_hole_where_sound_starts_earlier():
    late = Fraction(2, 25)
    timeline = Timeline(Fraction(0))
    timeline.shift(AUDIO, Fraction(0), Fraction(2))
    timeline.shift(VIDEO, late, Fraction(2))
    timeline.join({AUDIO: Fraction(9), VIDEO: 9 + late}, {VIDEO: 2 + late + FRAME})
    assert 9 + late + timeline.shift(VIDEO, 9 + late, FRAME) == 2 + late + FRAME
    assert 9 + timeline.shift(AUDIO, Fraction(9), SOUND) == 2 + FRAME


def test_a_delay_moves_all_that_follows():
    timeline = Timeline(Fraction(0))
    timeline.shift(VIDEO, Fraction(0), FRAME)
    timeline.delay(Fraction(2))
    assert timeline.shift(VIDEO, FRAME, FRAME) == 2
    assert timeline.shift(AUDIO, Fraction(0), SOUND) == 2


def test_slots_give_frames_the_places_of_packets_in_the_order_shown():
    slots = Slots()
    shown = []
    for place in range(4):
        slots.add(place)
    for own, key_frame in ((0, True), (3, False), (2, False), (1, False)):
        shown.append(slots.take(own, key_frame=key_frame))
    assert shown == [0, 1, 2, 3]


def test_a_key_frame_gives_up_the_places_of_what_was_lost():
    slots = Slots()
    for place in range(6):
        slots.add(place)
    assert slots.take(0, key_frame=True) == 0
    assert slots.take(5, key_frame=True) == 5


@pytest.mark.parametrize("times", [[5, 5, 5], [5, 3, 4], [5, 6, 5]])
def test_rising_times_are_moved_up_and_counted(times):
    rising = Rising()
    given = [rising.after_last(time) for time in times]
    assert given == sorted(set(given))
    assert given[0] == 5
    assert rising.mended >= 1
