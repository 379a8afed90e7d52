"""Training of `sequence`."""
