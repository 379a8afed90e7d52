"""The `vsdeblur` command."""
