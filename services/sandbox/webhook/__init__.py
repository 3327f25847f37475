"""A program that takes webhooks."""
