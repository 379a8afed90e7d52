"""Scores of weights on sets that anyone can rebuild."""
