"""Live streams: one comes in blurred and goes out restored, within a bound on latency."""

from __future__ import annotations

from .clock import Clock
from .ends.addresses import Address, Secrets, read_keys
from .ends.sources import LiveSource, source_for
from .ends.target import make_targets
from .ends.trial_source import TrialSource
from .levels import load_live_filter
from .session import LiveSession
from .settings import LiveOptions
from .watching.journal import Journal
from .watching.meter import LiveStatus
from .watching.status import StatusFile, in_words

__all__ = [
    "Address",
    "Clock",
    "Journal",
    "LiveOptions",
    "LiveSession",
    "LiveSource",
    "LiveStatus",
    "Secrets",
    "StatusFile",
    "TrialSource",
    "in_words",
    "load_live_filter",
    "make_targets",
    "read_keys",
    "source_for",
]
