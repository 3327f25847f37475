"""The public services."""
