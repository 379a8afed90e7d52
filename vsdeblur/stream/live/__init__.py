"""Live streams: one comes in blurred and goes out restored, within a bound on latency."""

from __future__ import annotations

from .addresses import Address, Secrets, read_keys
from .journal import Journal
from .levels import load_live_filter
from .meter import LiveStatus
from .session import LiveSession
from .settings import LiveOptions
from .sources import source_for
from .target import make_targets

__all__ = [
    "Address",
    "Journal",
    "LiveOptions",
    "LiveSession",
    "LiveStatus",
    "Secrets",
    "load_live_filter",
    "make_targets",
    "read_keys",
    "source_for",
]
