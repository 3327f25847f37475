"""Limits that all routers share, in Redis, and what stands in for it."""
