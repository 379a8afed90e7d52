"""Image sequences: numbered pictures, or a folder of them, in the place of a video."""

from __future__ import annotations
