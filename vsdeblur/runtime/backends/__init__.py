"""What makes a network run: one backend a file, and the cache of what they compile."""
