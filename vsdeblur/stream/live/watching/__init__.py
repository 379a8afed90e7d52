"""How a live run does: events, counts, and what is told of them."""
