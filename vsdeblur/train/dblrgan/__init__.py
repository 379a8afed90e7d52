"""Training of `dblrgan`."""
