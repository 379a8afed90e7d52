"""What filters are scored on."""
