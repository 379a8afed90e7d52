"""Live streams: one comes in blurred and goes out restored, within a bound on latency."""
