"""Who calls, and whether it may come in: credentials, quotas, keys."""
