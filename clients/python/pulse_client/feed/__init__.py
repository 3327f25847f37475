"""The feed: every event of a tenant, once and in order."""
