"""The page and the JSON of an evaluation."""
