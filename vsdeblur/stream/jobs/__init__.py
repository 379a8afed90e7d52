"""Jobs: which files are restored into which, what is done already, and one after the other."""

from __future__ import annotations

from .batch import Batch, Existing, Outcome, State, Summary
from .inputs import Found, find_sources
from .targets import Job, plan_targets

__all__ = [
    "Batch",
    "Existing",
    "Found",
    "Job",
    "Outcome",
    "State",
    "Summary",
    "find_sources",
    "plan_targets",
]
