"""Training: from sharp photos to the weights we ship. Needs the extra `vsdeblur[train]`."""
