"""Going on: what is encoded is noted beside the target, and need not be done again."""

from __future__ import annotations

from .begun import check_begun
from .noted_job import NotedJob, noted_job

__all__ = ["NotedJob", "check_begun", "noted_job"]
