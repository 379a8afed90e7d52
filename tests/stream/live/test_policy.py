"""When quality gives way, and comes back: hours of load in a moment."""

import random
from dataclasses import dataclass, field

import pytest

from vsdeblur.stream.live.policy import (
    PolicyRules,
    Sample,
    after_sample,
    first_state,
    probe_level,
)

RULES = PolicyRules()
FRAME = 1 / 30
COSTS = (0.6 * FRAME, 0.2 * FRAME, 0.08 * FRAME)
BOUND = 0.5
PASSED = len(COSTS)


@dataclass
class Run:
    """What a simulated worker did."""

    state: object
    levels: list = field(default_factory=list)
    changes: list = field(default_factory=list)
    latencies: list = field(default_factory=list)
    restored: int = 0


def simulate(slowness, seconds, costs=COSTS, seed=0, rules=RULES):
    """A worker that restores frames one after the other, as `Worker` does.

    `slowness(time)` is how much longer than `costs` a frame takes that is begun then.
    """
    noise = random.Random(seed)
    state = first_state(rules, costs)
    run = Run(state)
    free = 0.0
    for number in range(round(seconds / FRAME)):
        ready = number * FRAME
        now = max(free, ready)
        probe = probe_level(rules, state, now, FRAME)
        level = state.level if probe is None else probe
        left = now
        expected = 0 if level == len(costs) else costs[level] * state.slowness
        if level < len(costs) and (probe is not None or now + expected <= ready + BOUND):
            taken = costs[level] * slowness(now) * noise.uniform(0.9, 1.1)
            free = left = now + taken
            run.restored += left <= ready + BOUND
            before = state.level
            state = after_sample(rules, state, Sample(free, level, taken, FRAME))
            if state.level != before:
                run.changes.append((free, before, state.level))
        run.levels.append(state.level)
        run.latencies.append(min(left - ready, BOUND))  # at the bound it is passed through
    run.state = state
    return run


def test_a_light_load_changes_nothing():
    run = simulate(lambda time: 1, 3600)
    assert run.changes == []
    assert run.restored == len(run.levels)


def test_three_times_slower_for_twenty_seconds_twice_is_four_changes():
    run = simulate(lambda time: 3 if 20 <= time < 40 or 60 <= time < 80 else 1, 130)
    assert len(run.changes) == 4
    assert [after > before for _, before, after in run.changes] == [True, False, True, False]
    assert run.changes[0][0] - 20 < 2  # soon
    assert run.levels[-1] == 0


def test_networks_that_are_all_as_slow_are_passed_by_in_one_step():
    """As with a stand-in that sleeps: no level helps, so frames are passed through."""
    costs = (0.5 * FRAME, 0.5 * FRAME, 0.5 * FRAME)
    run = simulate(lambda time: 6 if 20 <= time < 40 or 60 <= time < 80 else 1, 130, costs)
    assert [(before, after) for _, before, after in run.changes] == [
        (0, PASSED), (PASSED, 0), (0, PASSED), (PASSED, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("period", [0.5, 2, 5, 8, 12, 20, 45])
def test_a_load_that_alternates_does_not_oscillate(period):
    hours = 2
    run = simulate(lambda time: 4 if int(time / period) % 2 else 1, 3600 * hours)
    assert len(run.changes) <= 24 * hours  # one in two and a half minutes
    early = [change for change in run.changes if change[0] < 600]
    assert len(early) <= 12


@pytest.mark.parametrize("seed", range(4))
def test_random_load_for_a_day_changes_seldom(seed):
    noise = random.Random(seed)
    steps = [noise.choice([0.8, 1, 1, 1, 1.5, 3, 8]) for _ in range(24 * 360)]
    run = simulate(lambda time: steps[min(int(time / 10), len(steps) - 1)], 6 * 3600, seed=seed)
    assert len(run.changes) < 6 * 60
    assert max(run.latencies) <= BOUND


def test_one_frame_that_takes_seconds_is_no_reason():
    run = simulate(lambda time: 150 if 10 <= time < 10 + FRAME else 1, 30)
    assert run.changes == []


def test_a_machine_that_is_too_slow_for_the_best_stays_at_the_next():
    costs = (2 * FRAME, 0.5 * FRAME, 0.2 * FRAME)
    run = simulate(lambda time: 1, 3600, costs)
    assert [change[1:] for change in run.changes] == [(0, 1)]


def test_a_machine_that_is_too_slow_for_any_passes_frames_through():
    costs = (9 * FRAME, 5 * FRAME, 2 * FRAME)
    run = simulate(lambda time: 1, 3600, costs)
    assert [change[1:] for change in run.changes] == [(0, PASSED)]


def test_a_wrong_first_measurement_is_not_for_ever():
    """The best level was measured as five times as slow as it is."""
    costs = (5 * 0.5 * FRAME, 0.2 * FRAME, 0.08 * FRAME)
    run = simulate(lambda time: 0.2 if time > 5 else 1, 600, costs)
    assert run.levels[-1] == 0


def test_patience_comes_back_after_calm():
    run = simulate(lambda time: 4 if time < 200 and int(time / 8) % 2 else 1, 3 * 3600)
    assert run.state.patience == RULES.patience
    assert run.levels[-1] == 0
