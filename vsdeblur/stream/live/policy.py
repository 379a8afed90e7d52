"""When quality gives way to time, and when it comes back: pure functions of measured times.

Levels are numbered from the best, 0, downwards; the last one passes frames through and costs
nothing. Nothing in here looks at a clock: times come with the samples.

* Down: the network takes longer than frames last, for a while. At once to the best level that is
  expected to fit, so that a heavy load is one change and not three.
* Up: single frames, probes, are restored at a better level; when they have fitted with room to
  spare for as long as patience says, that level is taken.
* Who went up and comes down again soon waits twice as long the next time: a load that alternates
  ends at the level that it always allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["PolicyRules", "PolicyState", "Sample", "after_sample", "first_state", "probe_level"]

_SMOOTH = 0.2
"""Share of a new sample in what is remembered."""
_MOST_LOAD = 4.0
"""What more than that counts as: one frame that takes seconds is a hiccup."""


@dataclass(frozen=True, kw_only=True)
class PolicyRules:
    """Thresholds. A load is the time that a frame takes to restore, by the time it lasts."""

    too_much: float = 0.95
    """Load above which a level is too slow."""
    fits: float = 0.8
    """Load up to which a lower level is expected to do."""
    spare: float = 0.7
    """Load up to which a better level has room to spare."""
    down_seconds: float = 1.0
    """How long it must be too slow before the level goes down."""
    down_samples: int = 3
    """And for how many frames."""
    patience: float = 5.0
    """Seconds for which probes must fit before the level goes up, at first."""
    most_patience: float = 300.0
    """And at last."""
    probes: int = 3
    """Probes in that time."""
    relapse_seconds: float = 60.0
    """Going down again so soon after going up doubles the patience."""
    forgiving_seconds: float = 120.0
    """A level that is kept for so long, with no probe that did not fit, halves it."""


@dataclass(frozen=True)
class Sample:
    """One frame that was restored."""

    time: float
    """When it was done, in seconds of whatever clock."""
    level: int
    """At which level."""
    seconds: float
    """How long it took."""
    interval: float
    """How long frames last now, in seconds."""


@dataclass(frozen=True, kw_only=True)
class PolicyState:
    """What is remembered from one frame to the next."""

    costs: tuple[float, ...]
    """Seconds that a frame takes at each restoring level when nothing is in the way."""
    patience: float
    """Seconds for which probes must fit."""
    level: int = 0
    """The level in use; `len(costs)`: frames are passed through."""
    changes: int = 0
    """How often it has changed."""
    slowness: float = 1.0
    """By how much restoring takes longer than `costs` say, of late."""
    load: float | None = None
    """Load at the level in use, of late; None = no frame was restored at it yet."""
    slow_since: float | None = None
    """Since when it is too much."""
    slow_samples: int = 0
    """For how many frames."""
    target: int | None = None
    """The better level that fitting probes were of."""
    fits_since: float | None = None
    """Since when they have fitted."""
    fitted: int = 0
    """How many have."""
    probed_at: float = float("-inf")
    changed_at: float = float("-inf")
    kept_since: float = float("-inf")
    """Since when the level is kept and no probe was too slow, or patience was halved for that."""
    rose_at: float = float("-inf")
    """When the level last went up."""


def first_state(
    rules: PolicyRules, costs: tuple[float, ...], interval: float = math.inf
) -> PolicyState:
    """The state to start with: at the best level that fits.

    Args:
        rules: Thresholds.
        costs: Seconds that a frame takes at each restoring level, from the best down.
        interval: How long frames last, in seconds.
    """
    fitting = (n for n, cost in enumerate(costs) if cost <= rules.fits * interval)
    return PolicyState(costs=costs, patience=rules.patience, level=next(fitting, len(costs)))


def after_sample(rules: PolicyRules, state: PolicyState, sample: Sample) -> PolicyState:
    """What follows from a frame that was restored."""
    ratio = sample.seconds / state.costs[sample.level]
    load = min(_MOST_LOAD, sample.seconds / sample.interval)
    if sample.level != state.level:
        return _after_probe(rules, replace(state, slowness=ratio), sample, load)
    if state.load is None:
        state = replace(state, slowness=ratio, load=load)
    else:
        state = replace(
            state,
            slowness=state.slowness + _SMOOTH * (ratio - state.slowness),
            load=state.load + _SMOOTH * (load - state.load),
        )
    return _watched(rules, _forgiven(rules, state, sample.time), sample)


def probe_level(rules: PolicyRules, state: PolicyState, time: float, interval: float) -> int | None:
    """The better level at which the next frame is to be restored for once; None = no probe is due.

    Args:
        rules: Thresholds.
        state: What is remembered.
        time: Now.
        interval: How long frames last now, in seconds.
    """
    spacing = state.patience / rules.probes
    if not state.level or time - max(state.probed_at, state.changed_at) < spacing:
        return None
    room = rules.spare * interval
    for level in range(state.level):
        if state.costs[level] * state.slowness <= room:
            return level
    return state.level - 1


def _watched(rules: PolicyRules, state: PolicyState, sample: Sample) -> PolicyState:
    """Go down if the level in use has been too slow for long enough."""
    assert state.load is not None
    if state.load <= rules.too_much:
        return replace(state, slow_since=None, slow_samples=0)
    # It was too slow from when the frame was begun, not from when it was done.
    since = sample.time - sample.seconds if state.slow_since is None else state.slow_since
    samples = state.slow_samples + 1
    if samples < rules.down_samples or sample.time - since < rules.down_seconds:
        return replace(state, slow_since=since, slow_samples=samples)
    room = rules.fits * sample.interval
    below = range(state.level + 1, len(state.costs))
    fitting = (level for level in below if state.costs[level] * state.slowness <= room)
    lowered = _changed(state, next(fitting, len(state.costs)), sample.time)
    if sample.time - state.rose_at < rules.relapse_seconds:
        return replace(lowered, patience=min(rules.most_patience, state.patience * 2))
    return lowered


def _after_probe(
    rules: PolicyRules, state: PolicyState, sample: Sample, load: float
) -> PolicyState:
    """Go up if probes of a better level have fitted for long enough."""
    if sample.level > state.level:  # it was begun before the level went up
        return state
    state = replace(state, probed_at=sample.time)
    if load > rules.spare:
        return replace(state, target=None, fits_since=None, fitted=0, kept_since=sample.time)
    since = sample.time if state.fits_since is None else state.fits_since
    fitted = state.fitted + 1 if state.target == sample.level else 1
    if fitted < rules.probes or sample.time - since < state.patience:
        return replace(state, target=sample.level, fits_since=since, fitted=fitted)
    return replace(_changed(state, sample.level, sample.time), rose_at=sample.time)


def _changed(state: PolicyState, level: int, time: float) -> PolicyState:
    return PolicyState(
        costs=state.costs,
        patience=state.patience,
        level=level,
        changes=state.changes + 1,
        slowness=state.slowness,
        probed_at=state.probed_at,
        changed_at=time,
        kept_since=time,
        rose_at=state.rose_at,
    )


def _forgiven(rules: PolicyRules, state: PolicyState, time: float) -> PolicyState:
    """Less patience is needed after a level was kept for long."""
    if state.patience <= rules.patience or time - state.kept_since < rules.forgiving_seconds:
        return state
    return replace(state, patience=max(rules.patience, state.patience / 2), kept_since=time)
