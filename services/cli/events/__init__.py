"""``pulse events``."""
