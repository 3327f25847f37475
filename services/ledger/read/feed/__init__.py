"""The feed: all events of a tenant in one order."""
