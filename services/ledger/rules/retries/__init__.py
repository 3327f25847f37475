"""How a notification comes to its next attempt: what providers and workers asked for, and how often."""
