"""Device, precision, weights, compiled engines, tiling: how a network runs, not what it is."""
