"""``pulse batch``: a file of requests."""
