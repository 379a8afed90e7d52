"""Figures of restored frames: one kind a file."""
