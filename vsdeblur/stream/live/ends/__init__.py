"""The two ends of a live stream: where it comes from, and where it goes."""
