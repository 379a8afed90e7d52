"""Live streams: one comes in blurred and goes out restored, within a bound on latency."""

from __future__ import annotations

from .addresses import Address, Secrets, read_keys
from .clock import Clock
from .journal import Journal
from .levels import load_live_filter
from .meter import LiveStatus
from .session import LiveSession
from .settings import LiveOptions
from .sources import LiveSource, source_for
from .status import StatusFile, in_words
from .target import make_targets
from .trial_source import TrialSource

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
