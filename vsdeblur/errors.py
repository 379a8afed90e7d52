"""Errors a caller can act on.

* DeblurError
  * OptionError              a parameter has a value that is not allowed
  * DeviceError              the device or precision asked for is not here
  * WeightsError             a weights file is missing, damaged or of another model
  * EngineError              a backend cannot run here, or could not compile the model
  * UnsupportedClipError     the clip's format or size does not suit the filter
  * VideoError               a file could not be read or written
  * DataError                training material is missing or damaged
  * TrainingError            a training run went wrong
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "DeblurError",
    "DeviceError",
    "EngineError",
    "OptionError",
    "TrainingError",
    "UnsupportedClipError",
    "VideoError",
    "WeightsError",
    "first_line",
]


class DeblurError(Exception):
    """Base of every error vsdeblur raises on purpose; its text is one line for the user."""


class OptionError(DeblurError):
    """A parameter has a value that is not allowed."""


class DeviceError(DeblurError):
    """The device or the precision asked for is not available here."""


class WeightsError(DeblurError):
    """A weights file is missing, damaged, or belongs to another model."""


class EngineError(DeblurError):
    """A backend cannot run here, or could not compile the model."""


class UnsupportedClipError(DeblurError):
    """The clip's format or size does not suit the filter."""


class VideoError(DeblurError):
    """A video file could not be read or written."""


class DataError(DeblurError):
    """Training material is missing or damaged."""


class TrainingError(DeblurError):
    """A training run went wrong, such as diverged."""


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its kind where it has none: for errors of our own."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
