"""Training of `brmr`."""
