"""Queues that drop: by which rules."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import pytest

from vsdeblur.stream.live.coder import CodedPicture
from vsdeblur.stream.live.coding_stage import in_time
from vsdeblur.stream.live.ends.feed import Arrived, Lost, keep_recent
from vsdeblur.stream.live.ends.sender import Outgoing, Sender
from vsdeblur.stream.live.frames import Window
from vsdeblur.stream.live.job import Finished, Job, without_gone
from vsdeblur.stream.live.queues import DropQueue
from vsdeblur.stream.live.settings import LiveOptions
from vsdeblur.stream.live.watching.meter import OutputMeter


@dataclass
class Data:
    is_keyframe: bool
    size: int = 100


def arrived(at, *, key=False, picture=True):
    return Arrived(Data(key), at, picture)


def test_what_is_put_comes_out_in_order_and_putting_never_waits():
    queue = DropQueue()
    for number in range(1000):
        queue.put(number)
    assert [queue.get(0) for _ in range(1000)] == list(range(1000))
    assert queue.get(0.01) is None


def test_the_rule_is_applied_at_each_item_and_says_how_many():
    dropped = []

    def keep_two(items):
        number = max(0, len(items) - 2)
        for _ in range(number):
            items.popleft()
        return number

    queue = DropQueue(keep_two, dropped.append)
    for number in range(5):
        queue.put(number)
    assert dropped == [1, 1, 1]
    assert [queue.get(0), queue.get(0)] == [3, 4]


def test_two_seconds_may_wait_to_be_decoded():
    items = deque(arrived(n / 10, key=n % 10 == 0) for n in range(20))
    assert keep_recent(items) == 0
    assert len(items) == 20


def test_more_than_that_is_dropped_up_to_a_key_frame():
    items = deque(arrived(n / 10, key=n % 10 == 0) for n in range(22))
    assert keep_recent(items) == 10
    assert items[0].packet.is_keyframe
    assert items[0].at == 1.0


def test_without_a_key_frame_all_is_dropped_but_what_is_no_packet():
    end = Lost("ended", final=True)
    items = deque([arrived(0, key=True), *(arrived(n) for n in range(1, 5)), end])
    assert keep_recent(items) == 5
    assert list(items) == [end]


class Hand:
    """A clock that is set by hand."""

    time = 0.0

    def now(self):
        return self.time


@pytest.fixture
def sender():
    clock = Hand()
    meter = OutputMeter("out", clock, 0.5)
    wanted = []
    made = Sender(
        None, meter, lambda: wanted.append(1), clock, None, LiveOptions(), lambda form: 1, None
    )
    made.clock, made.meter, made.wanted = clock, meter, wanted
    return made


def put(sender, at, *, key=False, ready=None):
    sender.clock.time = at
    coded = CodedPicture(b"x", 0, 0, 1, key)
    sender.put(Outgoing(coded, Fraction(0), at if ready is None else ready, None, at))


def waiting(sender):
    return [item.put for item in sender._queue._items]


def test_an_output_holds_no_more_than_the_bound_from_a_key_frame_on(sender):
    for n in range(5):
        put(sender, n / 10, key=n in (0, 3))
    assert waiting(sender) == [0, 0.1, 0.2, 0.3, 0.4]
    put(sender, 0.6)
    assert waiting(sender) == [0.3, 0.4, 0.6]
    assert sender.meter.dropped == 3


def test_without_a_key_frame_an_output_drops_all_and_begins_at_the_next(sender):
    for n in range(5):
        put(sender, n / 10, key=n == 0)
    sender._needs_key = False
    put(sender, 0.6)
    assert waiting(sender) == []
    assert sender._needs_key


def test_a_frame_that_comes_late_is_not_dropped_for_that(sender):
    """It has used up the bound on its way here; it is sent, not thrown away."""
    put(sender, 1.0, ready=0.2)
    put(sender, 1.05, ready=0.25)
    assert waiting(sender) == [1.0, 1.05]


def test_the_end_is_never_dropped(sender):
    put(sender, 0.0, key=True)
    sender.put(Finished())
    put(sender, 2.0)
    assert isinstance(sender._queue._items[0], Finished)


def job(ready):
    return Job(Window((), ready), None, ready + 0.4)


def test_no_more_frames_wait_to_be_encoded_than_a_second_beyond_the_bound():
    items = deque([job(0.0), "beside"])
    for n in range(1, 15):
        items.append(job(n / 10))
        assert in_time(items, 0.5) == 0
    first = items[0]
    items.append(job(1.6))
    assert in_time(items, 0.5) == 1
    assert first not in items
    assert first.gone
    assert "beside" in items


def test_what_has_gone_on_does_not_wait_to_be_restored():
    items = deque([job(0.0), job(0.1), job(0.2)])
    items[0].give_up()
    items[2].give_up()
    without_gone(items)
    assert [each.window.ready for each in items] == [0.1, 0.2]
