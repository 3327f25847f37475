"""Limits, lanes and routes, decided from values alone."""
