"""Blur made from sharp photos."""
