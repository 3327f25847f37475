"""Requests by HTTP, and their faults."""
