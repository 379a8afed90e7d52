"""Finds races by happens-before: of two accesses to the same bytes, at least one of them a write,
one must be known to be over when the other begins, however they happened to run.

Streams and host threads are actors. An actor's clock tells up to which of its steps it knows each
other actor to have come: what orders actors (an event, a lock) hands clocks on.
"""

import _thread
import sys
from dataclasses import dataclass, field


@dataclass(eq=False)
class Actor:
    """A stream or a host thread."""

    name: str
    clock: dict = field(default_factory=dict)

    def learns(self, clock):
        for actor, step in clock.items():
            self.clock[actor] = max(self.clock.get(actor, 0), step)

    def steps(self):
        self.clock[self] = self.clock.get(self, 0) + 1


@dataclass
class Access:
    actor: Actor
    step: int
    start: int
    stop: int
    writes: bool
    what: str

    def is_known(self, clock):
        return clock.get(self.actor, 0) >= self.step

    def __str__(self):
        return f"{self.what} {'writes' if self.writes else 'reads'} on {self.actor.name}"


@dataclass(eq=False)
class Memory:
    """A storage."""

    start: int
    stop: int
    owner: Actor | None
    """The stream whose later work may be given it; None = it is not the device's own."""
    is_host: bool
    waits_for: set = field(default_factory=set)
    """Streams that are waited for before its owner gets it (`record_stream`)."""
    accesses: list = field(default_factory=list)


class Races:
    """All memory, and what was found; `found` says it in words."""

    def __init__(self):
        self.found = []
        self.mutex = _thread.RLock()  # of the real kind: it orders nothing for the actors
        self._memories = {}

    def at(self, start):
        return self._memories.get(start)

    def add(self, memory):
        """Know of memory. To take it from the allocator counts as a write by its owner."""
        self._memories[memory.start] = memory
        if memory.owner is not None:
            step = memory.owner.clock.get(memory.owner, 0)
            taken = Access(memory.owner, step, memory.start, memory.stop, True, "the allocator")
            memory.accesses.append(taken)

    def touch(self, actor, reads, writes, what):
        """An actor's next step reads and writes spans, (start, stop)."""
        actor.steps()
        for span, is_write in [*((r, False) for r in reads), *((w, True) for w in writes)]:
            for memory in list(self._memories.values()):
                if span[0] < memory.stop and memory.start < span[1]:
                    access = Access(actor, actor.clock[actor], *span, is_write, what)
                    self._enter(memory, access)

    def _enter(self, memory, access):
        kept = []
        for old in memory.accesses:
            known = old.is_known(access.actor.clock)
            meet = old.start < access.stop and access.start < old.stop
            if meet and not known and (old.writes or access.writes):
                self._report(f"{access} while {old}")
            is_inside = access.start <= old.start and old.stop <= access.stop
            if not (is_inside and known and access.writes >= old.writes):
                kept.append(old)
        memory.accesses = [*kept, access]

    def give_back(self, memory, host):
        """A thread frees memory: its owner's next work may have it, whatever is still under way."""
        with self.mutex:
            self._memories.pop(memory.start, None)
            for access in memory.accesses if memory.owner is not None else []:
                known = access.is_known(memory.owner.clock) or access.is_known(host.clock)
                is_waited_for = access.actor in {memory.owner, *memory.waits_for}
                if not is_waited_for and not known:
                    self._report(f"the memory of {memory.owner.name} is freed while {access}")

    def _report(self, text):
        frame = sys._getframe()
        while frame.f_back and "/vsdeblur/" not in frame.f_code.co_filename.replace("\\", "/"):
            frame = frame.f_back
        self.found.append(f"{text} ({frame.f_code.co_name}, line {frame.f_lineno})")
