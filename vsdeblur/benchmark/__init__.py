"""How fast filters are: their networks alone, and end to end through vspipe."""
