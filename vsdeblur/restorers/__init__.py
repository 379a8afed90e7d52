"""The algorithm of each filter, on tensors, and the one public way to get one."""

from .base import Restorer
from .loading import load_restorer

__all__ = ["Restorer", "load_restorer"]
