"""``pulse events`` and ``pulse subscriptions``."""
